import { stackHome } from '../../infra/embedded/home.js';
import { resolveEndpoints } from '../../infra/embedded/stack.js';
import { readBytes, readLetters, type Letter, type LetterBytes } from '../dlq/letters.js';
import { fieldIn, judge, type Outlook } from '../dlq/outlook.js';
import { positionOf, streamOf, type Position } from '../dlq/position.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { now } from '../shared/clock.js';
import { isoFromMs } from '../shared/core/time.js';
import { explainValue, type Explained } from '../shared/kafka/explain.js';
import { schemaSource } from '../shared/kafka/registry.js';
import { printJson, type CliContext } from './context.js';
import type { ShowOptions } from './dlq.js';
import { letterJson, redrivenWords } from './dlq-list.js';
import { usageError } from './exit.js';
import { configAt, readerConfig } from './stack-config.js';
import { printable } from './table.js';

export async function showDeadLetter(id: string, options: ShowOptions, context: CliContext): Promise<void> {
  const position = idArgument(id, context);
  const { reader } = await readerConfig(context);
  const database = connectClickHouse(reader);
  let letter: Letter | undefined;
  let bytes: LetterBytes;
  try {
    [letter] = await readLetters(database, { positions: [position] }, 1);
    if (letter === undefined) throw usageError(`there is no dead letter ${id}`);
    bytes = await readBytes(database, position);
  } finally {
    await database.close();
  }
  const looked = await look(letter, bytes, context);
  if (options.json) printJson(context, { ...letterJson(letter), ...bytesJson(bytes), ...looked });
  else for (const line of lines(letter, bytes, looked)) context.stdout.write(`${line}\n`);
}

/** The position that an id names. Throws a usage error for what is none. */
export function idArgument(id: string, context: CliContext): Position {
  const position = positionOf(id, context.env['TOPIC_PREFIX'] ?? '');
  if (position === null) throw usageError(`not the id of a dead letter, <topic>/<partition>/<offset>: ${id}`);
  return position;
}

interface Looked {
  readonly schema_id: number | null;
  readonly fields: Explained['fields'];
  /** Why there are no fields. */
  readonly unreadable: string | null;
  readonly wrong: { readonly field: string | null; readonly reason: string };
  /** What would become of it if it came now; null where the registry is not known. */
  readonly now: Outlook | null;
}

/** Reads what can be read. Bytes are shown also where there is no registry to ask. */
async function look(letter: Letter, { value }: LetterBytes, context: CliContext): Promise<Looked> {
  const told = { field: fieldIn(letter.reason), reason: letter.reason };
  const endpoints = resolveEndpoints(context.env, stackHome(context.env));
  const { kafka, registry, clickhouse } = endpoints;
  if (kafka === null || registry === null || clickhouse === null) {
    const unreadable = 'no schema registry is named or running: SCHEMA_REGISTRY_URL';
    return { schema_id: null, fields: null, unreadable, wrong: told, now: null };
  }
  const config = configAt(context, { kafka, registry, clickhouse });
  const source = schemaSource(config.registry);
  const { schemaId, fields, broken, unreadable } = await explainValue(value, source);
  const stream = streamOf(letter.topic, config.kafka.topicPrefix);
  const outlook = await judge(stream, source)(value, now());
  return { schema_id: schemaId, fields, unreadable, wrong: broken ?? told, now: outlook };
}

function bytesJson({ key, value, headers }: LetterBytes): Record<string, unknown> {
  const both = (bytes: Buffer | null): unknown =>
    bytes === null ? null : { base64: bytes.toString('base64'), hex: bytes.toString('hex') };
  return {
    key: key === null ? null : { text: textOf(key), ...(both(key) as object) },
    value: both(value),
    headers: headers.map(({ name, value: bytes }) => ({
      name,
      base64: bytes?.toString('base64') ?? null,
      text: bytes === null ? null : textOf(bytes),
    })),
  };
}

/** The text that bytes are, or null where they are none. */
function textOf(bytes: Buffer): string | null {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : null;
}

/** So many bytes are shown; --json has all. */
const HEX_BYTES_MAX = 256;

function lines(letter: Letter, { key, value, headers }: LetterBytes, looked: Looked): string[] {
  const text = (bytes: Buffer | null): string =>
    bytes === null ? 'none' : printable(textOf(bytes) ?? `0x${bytes.toString('hex')}`);
  const hex = value === null ? 'none' : `0x${value.toString('hex', 0, HEX_BYTES_MAX)}`;
  const wrong = looked.wrong.field === null ? looked.wrong.reason : `${looked.wrong.field}: ${looked.wrong.reason}`;
  const facts: [string, string][] = [
    ['id', letter.id],
    ['appended at', isoFromMs(letter.appendedAtMs)],
    ['refused by', letter.service],
    ['code', letter.code],
    ['reason', letter.reason],
    ['redriven', redrivenWords(letter)],
    ['key', text(key)],
    ...headers.map(({ name, value: bytes }): [string, string] => ['header', `${name}: ${text(bytes)}`]),
    ['value', value === null ? hex : `${value.length} bytes, ${hex}${value.length > HEX_BYTES_MAX ? '...' : ''}`],
    ['schema', looked.schema_id === null ? 'none' : String(looked.schema_id)],
    ['fields', looked.fields === null ? (looked.unreadable ?? 'none') : JSON.stringify(looked.fields)],
    ['wrong', wrong],
    ['now', looked.now === null ? 'not known' : outlookWords(looked.now)],
  ];
  return facts.map(([name, what]) => `${name.padEnd(12)} ${printable(what)}`);
}

export function outlookWords(outlook: Outlook): string {
  switch (outlook.kind) {
    case 'applied':
      return 'would be applied';
    case 'dead':
      return `would be refused: ${outlook.code}, ${outlook.reason}`;
    case 'waits':
      return `would be waited for: ${outlook.reason}`;
  }
}
