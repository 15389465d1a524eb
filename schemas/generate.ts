/**
 * Writes types.generated.ts from the .avsc files, in the order of the topic table, and the page of metrics.
 *
 *   npm run generate              writes the files
 *   npm run generate -- --check   exits 1 and names those that are not what their sources say
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { metricsPage } from '../infra/metrics-page.js';
import { packageRoot } from '../services/shared/package-root.js';
import { TOPICS } from './topics.js';

type AvroType = string | AvroType[] | AvroObject;
interface AvroObject {
  type: AvroType;
  name?: string;
  logicalType?: string;
  items?: AvroType;
  values?: AvroType;
  symbols?: string[];
  fields?: { name: string; type: AvroType }[];
}

const WIDTH = 120;
const OUTPUT = 'schemas/types.generated.ts';
const METRICS_PAGE = 'infra/metrics.md';
const PRIMITIVES: Record<string, string> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  string: 'string',
};

/** The whole text of types.generated.ts. */
export function generateTypes(schemas: readonly { topic: string; schema: AvroObject }[]): string {
  const parts = [
    '// Generated from schemas/*.avsc by schemas/generate.ts. Do not edit.',
    '/** Microseconds since 1970-01-01 UTC. */\nexport type TimestampMicros = number;',
    ...schemas.map(({ topic, schema }) => `/** Record of ${topic}. */\n${declarations(schema)}`),
  ];
  return parts.join('\n\n') + '\n';
}

/** The record itself, then the records it holds, then its enums. */
function declarations(root: AvroObject): string {
  const records: AvroObject[] = [root];
  const enums: AvroObject[] = [];
  for (const record of records) {
    for (const field of record.fields ?? []) {
      for (const named of namedTypes(field.type)) (named.type === 'enum' ? enums : records).push(named);
    }
  }
  return [...records.map(interfaceText), ...enums.map(enumText)].join('\n');
}

function namedTypes(type: AvroType): AvroObject[] {
  if (typeof type === 'string') return [];
  if (Array.isArray(type)) return type.flatMap(namedTypes);
  if (type.type === 'enum' || type.type === 'record') return [type];
  return [type.items, type.values].flatMap((inner) => (inner === undefined ? [] : namedTypes(inner)));
}

function interfaceText(record: AvroObject): string {
  const lines = (record.fields ?? []).map((field) => `  ${field.name}: ${typeText(field.type)};`);
  return `export interface ${nameOf(record)} {\n${lines.join('\n')}\n}`;
}

function enumText(type: AvroObject): string {
  const symbols = (type.symbols ?? []).map((symbol) => `'${symbol}'`);
  const oneLine = `export type ${nameOf(type)} = ${symbols.join(' | ')};`;
  if (oneLine.length <= WIDTH) return oneLine;
  return `export type ${nameOf(type)} =\n${symbols.map((symbol) => `  | ${symbol}`).join('\n')};`;
}

function typeText(type: AvroType): string {
  if (Array.isArray(type)) {
    const branches = type.map(typeText);
    // `null` goes last: that is how the rest of the code writes it.
    return [...branches.filter((branch) => branch !== 'null'), ...branches.filter((branch) => branch === 'null')].join(
      ' | ',
    );
  }
  if (typeof type === 'string') {
    const primitive = PRIMITIVES[type];
    if (primitive === undefined) throw new Error(`the Avro type ${type} has no TypeScript type here`);
    return primitive;
  }
  if (type.logicalType === 'timestamp-micros') return 'TimestampMicros';
  if (type.type === 'array' && type.items !== undefined) return `${typeText(type.items)}[]`;
  if (type.type === 'map' && type.values !== undefined) return `Record<string, ${typeText(type.values)}>`;
  if (type.type === 'enum' || type.type === 'record') return nameOf(type);
  return typeText(type.type);
}

function nameOf(type: AvroObject): string {
  if (type.name === undefined) throw new Error('a record or enum in schemas/ has no name');
  return type.name;
}

function main(args: readonly string[]): number {
  const root = packageRoot();
  const schemas = Object.values(TOPICS).map(({ topic, schemaFile }) => ({
    topic,
    schema: JSON.parse(readFileSync(join(root, 'schemas', schemaFile), 'utf8')) as AvroObject,
  }));
  const wanted = { [OUTPUT]: generateTypes(schemas), [METRICS_PAGE]: metricsPage() };
  const stale = Object.entries(wanted).filter(([file, text]) => {
    const path = join(root, file);
    return !existsSync(path) || readFileSync(path, 'utf8') !== text;
  });
  if (!args.includes('--check')) {
    for (const [file, text] of stale) writeFileSync(join(root, file), text);
    return 0;
  }
  for (const [file] of stale) {
    console.error(`${file} is stale: its source says something else. Run \`npm run generate\` and commit the result.`);
  }
  return stale.length === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = main(process.argv.slice(2));
}
