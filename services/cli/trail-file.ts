import { open, type FileHandle } from 'node:fs/promises';
import { streamOfTopic } from '../../schemas/topics.js';
import type { TrailRecord } from '../demo/sending.js';
import { FieldError, fillFields, recordFields } from '../scenario/record-fields.js';
import type { Stream } from '../shared/core/record.js';
import { microsFromIso } from '../shared/iso-time.js';
import { EXIT } from './exit.js';

/** A trail file that cannot be read. The message names file, line and field. */
export class TrailFileError extends Error {
  override readonly name = 'TrailFileError';
  readonly exitCode = EXIT.usage;
}

const STREAMS: readonly Stream[] = ['releases', 'inferences', 'proofs', 'payments', 'agents'];

/**
 * Reads records from a file with one JSON object a line: `topic` (short or full name) and the fields of its schema. Times are
 * ISO-8601 texts or whole microseconds, money a text or a whole number of any size, fields that may be missing are null
 * or empty. Empty lines are passed over. The file is never in memory as a whole.
 *
 * @throws TrailFileError
 */
export async function* readTrailFile(file: string): AsyncGenerator<TrailRecord> {
  const handle = await opened(file);
  try {
    let line = 0;
    for await (const text of handle.readLines()) {
      line += 1;
      const content = line === 1 ? text.replace(/^\ufeff/, '') : text;
      if (content.trim() !== '') yield parseTrailLine(content, `${file}:${line}`);
    }
  } finally {
    await handle.close();
  }
}

async function opened(file: string): Promise<FileHandle> {
  try {
    const handle = await open(file);
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw new Error('is a folder');
    }
    return handle;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TrailFileError(`${file}: ${code === 'ENOENT' ? 'no such file' : message}`, { cause: error });
  }
}

/** One line of a trail file. `where` is how an error names it. */
export function parseTrailLine(text: string, where: string): TrailRecord {
  const { topic, ...fields } = parseObject(text, where);
  if (topic === undefined) throw new TrailFileError(`${where}: topic is missing`);
  const stream = streamOf(topic);
  if (stream === null) {
    const shown = typeof topic === 'string' ? topic : JSON.stringify(topic);
    throw new TrailFileError(`${where}: topic ${shown} is none of ${STREAMS.join(', ')}`);
  }
  try {
    return { stream, record: fillFields(recordFields(stream), fields, parseTime) } as unknown as TrailRecord;
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    throw new TrailFileError(`${where}: ${error.message}`, { cause: error });
  }
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(exactIntegers(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TrailFileError(`${where}: not JSON: ${reason}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TrailFileError(`${where}: not a JSON object`);
  }
  return value as Record<string, unknown>;
}

const LONG_INTEGER = /\d{16}/;
const TEXT_OR_LONG_INTEGER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** JSON's numbers would lose digits of money: whole numbers of sixteen digits and more become texts first. */
function exactIntegers(text: string): string {
  if (!LONG_INTEGER.test(text)) return text;
  return text.replace(TEXT_OR_LONG_INTEGER, (match) => (match.startsWith('"') ? match : `"${match}"`));
}

function parseTime(text: string): number | null {
  return /^\d{1,16}$/.test(text) ? Number(text) : microsFromIso(text);
}

function streamOf(topic: unknown): Stream | null {
  if (typeof topic !== 'string') return null;
  const named = streamOfTopic(topic);
  return STREAMS.find((stream) => stream === topic || stream === named) ?? null;
}

/** The line that gives this record back when it is read: what is null or an empty list is left out. */
export function trailLine({ stream, record }: TrailRecord): string {
  const line: Record<string, unknown> = { topic: stream };
  const values = record as unknown as Record<string, unknown>;
  for (const { name, shape } of recordFields(stream)) {
    const value = values[name];
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    line[name] = shape.kind === 'time' && typeof value === 'number' ? isoWithMicros(value) : value;
  }
  return JSON.stringify(line);
}

function isoWithMicros(micros: number): string {
  const text = new Date(Math.floor(micros / 1000)).toISOString();
  const rest = ((micros % 1000) + 1000) % 1000;
  return rest === 0 ? text : text.replace('Z', `${rest.toString().padStart(3, '0')}Z`);
}
