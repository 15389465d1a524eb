import { LineCounter, parseDocument, type Document } from 'yaml';
import { QUESTIONS, type Argument, type Ask, type Question } from '../shared/core/question.js';
import type { Stream } from '../shared/core/record.js';
import { parseClock, parseIso } from './clock.js';
import { FieldError, fillFields, recordFields } from './record-fields.js';
import type { Expectation, Scenario, ScenarioRecord } from './scenario.js';

/** A scenario file that cannot be read; the message names file, line and field. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  readonly exitCode = 2;
}

type Path = readonly (string | number)[];

/** Places in a file, so that every complaint says where. */
class Source {
  readonly #file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(file: string, document: Document, lines: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
  }

  /** An error at the innermost place of the path that is in the file. */
  error(path: Path, message: string): ScenarioError {
    for (let depth = path.length; depth >= 0; depth -= 1) {
      const node = this.#document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | null;
      if (node?.range) return this.errorAt(node.range[0], message);
    }
    return this.errorAt(0, message);
  }

  errorAt(position: number, message: string): ScenarioError {
    return new ScenarioError(`${this.#file}:${this.#lines.linePos(position).line}: ${message}`);
  }
}

const STREAMS: readonly string[] = ['releases', 'inferences', 'proofs', 'payments', 'agents'] satisfies Stream[];
const ZERO_ADDRESS = `0x${'0'.repeat(40)}`;
const PAYMENT_DEFAULTS = {
  amount: 0n,
  asset: 'OPG',
  network: 'eip155:8453',
  payer: ZERO_ADDRESS,
  payee: ZERO_ADDRESS,
};

/** @throws ScenarioError */
export function parseScenario(file: string, text: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, intAsBigInt: true, uniqueKeys: true });
  const source = new Source(file, document, lines);
  const [broken] = document.errors;
  if (broken) throw source.errorAt(broken.pos[0], broken.message.split('\n')[0] ?? 'not YAML');
  const story: unknown = document.toJS();
  if (!isObject(story)) throw source.error([], 'a scenario is an object with name, day, records and expect');
  const unknown = Object.keys(story).find((field) => !['name', 'day', 'records', 'expect'].includes(field));
  if (unknown !== undefined) throw source.error([unknown], `${unknown} is not a field of a scenario`);
  if (typeof story['name'] !== 'string') throw source.error(['name'], 'name is missing or not a text');
  const dayMicros = parseDay(story['day'], source);
  const records = listOf(story, 'records', source).map((record, i) => parseRecord(record, i, { dayMicros, source }));
  return {
    name: story['name'],
    dayMicros,
    records: records.sort((a, b) => a.appendedAtMs - b.appendedAtMs),
    expect: listOf(story, 'expect', source).map((item, i) => parseExpectation(item, i, { dayMicros, source })),
  };
}

interface Context {
  readonly dayMicros: number;
  readonly source: Source;
}

function parseDay(day: unknown, source: Source): number {
  const micros = typeof day === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(day) ? parseIso(`${day}T00:00Z`) : null;
  if (micros === null) throw source.error(['day'], 'day is missing or not a date such as 2026-03-10');
  return micros;
}

function listOf(story: Record<string, unknown>, field: string, source: Source): unknown[] {
  const items = story[field] ?? [];
  if (!Array.isArray(items)) throw source.error([field], `${field} is not a list`);
  return items;
}

function parseRecord(line: unknown, index: number, { dayMicros, source }: Context): ScenarioRecord {
  const path: Path = ['records', index];
  if (!isObject(line)) throw source.error(path, 'a record is an object');
  const { topic, at, arrives, ...given } = line;
  if (!isStream(topic)) throw source.error([...path, 'topic'], `topic is none of ${STREAMS.join(', ')}`);
  const clock = (text: string): number | null => parseClock(text, dayMicros);
  const timeOf = (field: string, value: unknown): number => {
    const micros = typeof value === 'string' ? clock(value) : null;
    if (micros === null) throw source.error([...path, field], `${field} is missing or not a time such as "10:05"`);
    return micros;
  };
  const occurredAt = timeOf('at', at);
  const appendedAt = arrives === undefined ? occurredAt : timeOf('arrives', arrives);
  const defaults = { event_id: String(index), source: 'scenario', ...(topic === 'payments' ? PAYMENT_DEFAULTS : {}) };
  try {
    const fields = fillFields(recordFields(topic), { ...defaults, ...given, occurred_at: occurredAt }, clock);
    return { stream: topic, appendedAtMs: Math.floor(appendedAt / 1000), fields };
  } catch (error) {
    if (error instanceof FieldError) throw source.error([...path, ...error.path], error.message);
    throw error;
  }
}

function parseExpectation(item: unknown, index: number, { dayMicros, source }: Context): Expectation {
  const path: Path = ['expect', index];
  if (!isObject(item)) throw source.error(path, 'an expectation is an object');
  const { ask, known, answer, ...args } = item;
  if (!isAsk(ask)) throw source.error([...path, 'ask'], `ask is none of ${Object.keys(QUESTIONS).join(', ')}`);
  const { required, optional } = QUESTIONS[ask];
  const unknown = Object.keys(args).find((name) => ![...required, ...optional].includes(name as Argument));
  if (unknown !== undefined) throw source.error([...path, unknown], `${ask} takes no ${unknown}`);
  const missing = required.find((name) => args[name] === undefined);
  if (missing !== undefined) throw source.error(path, `${ask} needs ${missing}`);
  const micros = (field: string, value: unknown): number => {
    const time = typeof value === 'string' ? parseClock(value, dayMicros) : null;
    if (time === null) throw source.error([...path, field], `${field} is not a time such as "10:05"`);
    return time;
  };
  const typed = Object.entries(args).map(([name, value]) => {
    if (name === 'at') return [name, micros(name, value)];
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
      throw source.error([...path, name], `${name} is not a text`);
    }
    if (name !== 'activation') return [name, String(value)];
    if (!Number.isInteger(Number(value))) throw source.error([...path, name], 'activation is not a whole number');
    return [name, Number(value)];
  });
  const knownMs = known === undefined ? {} : { known: Math.floor(micros('known', known) / 1000) };
  return {
    question: { ask, ...(Object.fromEntries(typed) as object), ...knownMs } as Question,
    args: plain(args) as Record<string, unknown>,
    known: typeof known === 'string' ? known : null,
    answer: answer === undefined ? null : plain(answer),
  };
}

/** Without bigints: safe integers become numbers again, greater ones strings. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) : value;
}

function isStream(value: unknown): value is Stream {
  return typeof value === 'string' && STREAMS.includes(value);
}

function isAsk(value: unknown): value is Ask {
  return typeof value === 'string' && Object.hasOwn(QUESTIONS, value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
