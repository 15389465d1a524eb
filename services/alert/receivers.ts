import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import type { AlertKind } from '../shared/core/alert-ledger.js';
import { msFromDuration } from '../shared/duration.js';
import { BacktrailError } from '../shared/errors.js';

/** Somebody who is told of alerts by a webhook. */
export interface Receiver {
  readonly name: string;
  readonly url: string;
  /** Null takes all; alerts without a severity only go to those that take all, and to the default. */
  readonly severities: readonly string[] | null;
  readonly kinds: readonly AlertKind[] | null;
  readonly models: readonly string[] | null;
  /** Also takes what no other receiver takes. */
  readonly isDefault: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Alerts that one notification lists; 0 is no limit. The rest is counted. */
  readonly maxAlerts: number;
  /** How long the first alert of an incident waits for company. */
  readonly groupWaitMs: number;
  /** The least time between two notifications of one incident. */
  readonly groupIntervalMs: number;
  /** After which what still fires is told again; null never. */
  readonly repeatIntervalMs: number | null;
  readonly sendResolved: boolean;
  readonly timeoutMs: number;
}

export interface Receivers {
  readonly receivers: readonly Receiver[];
  /** Where people look at alerts; empty when there is no such place. */
  readonly externalUrl: string;
  /** The runbook, to which `#alert-...` is added. */
  readonly runbookUrl: string;
}

const NO_RECEIVERS: Receivers = { receivers: [], externalUrl: '', runbookUrl: '' };

const KINDS = ['SETTLED_ON_FLAGGED', 'FLAGGED_REACTIVATED', 'STALE_SERVING'] as const satisfies AlertKind[];
const DAY_MS = 86_400_000;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
/** Of the connection, not of the message. */
const HEADERS_REFUSED = [
  'host',
  'connection',
  'content-length',
  'content-type',
  'transfer-encoding',
  'idempotency-key',
];

const duration = (leastMs: number, given: string) =>
  z
    .string('is not a duration such as 30s')
    .default(given)
    .transform((text) => msFromDuration(text))
    .refine((ms): ms is number => ms !== null, { error: 'is not a duration such as 30s, 5m or 1h30m', abort: true })
    .refine((ms) => ms >= leastMs && ms <= 365 * DAY_MS, `is not between ${leastMs}ms and 365d`);
const inFile = z.strictObject({ file: z.string('is not the path of a file').min(1, 'is empty') }, 'is not a text');
const text = z.string('is not a text');
const some = <T extends z.ZodType>(one: T) =>
  z.array(one, 'is not a list').min(1, 'is an empty list').nullable().default(null);

const receiverShape = z.strictObject(
  {
    name: z.string('is missing').regex(/^[\w.-]{1,100}$/, 'is not a name of letters, digits, dots and dashes'),
    url: z.union([text, inFile], 'is neither an address nor {file: PATH}'),
    severities: some(text),
    kinds: some(z.enum(KINDS, `is not one of ${KINDS.join(', ')}`)),
    models: some(text),
    default: z.boolean('is neither true nor false').default(false),
    headers: z
      .record(z.string(), z.union([text, inFile], 'is neither a text nor {file: PATH}'), 'is not a map')
      .default({}),
    max_alerts: z.int('is not a whole number').min(0, 'is not at least 0').default(100),
    group_wait: duration(0, '2s'),
    group_interval: duration(0, '1m'),
    repeat_interval: duration(1_000, '4h').nullable().default(null),
    send_resolved: z.boolean('is neither true nor false').default(true),
    timeout: duration(100, '10s'),
  },
  'is not a map',
);
const fileShape = z.strictObject(
  {
    external_url: z.url({ protocol: /^https?$/, error: 'is not an http or https address' }).default(''),
    runbook_url: text.default('infra/runbook.md'),
    receivers: z.array(receiverShape, 'is not a list of receivers').min(1, 'has no receiver'),
  },
  'is not a map with receivers',
);

type Given = z.infer<typeof receiverShape>;
type Path = readonly PropertyKey[];

/** Throws CONFIG_INVALID with a line for each problem, by file, line and field. Without a file nobody is told. */
export function readReceivers(file: string | null): Receivers {
  if (file === null) return NO_RECEIVERS;
  return parseReceivers(textOf(file, `${file}: cannot be read`), file);
}

/** @param file by which problems are named, and in whose folder the files of secrets are looked for */
export function parseReceivers(yaml: string, file: string): Receivers {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines });
  const problems = new Problems(file, document, lines);
  for (const error of document.errors) problems.addAt(error.pos[0], error.message.split('\n')[0] ?? '');
  problems.throwIfAny();
  const parsed = fileShape.safeParse(document.toJS());
  if (!parsed.success) for (const issue of parsed.error.issues) problems.addIssue(issue);
  problems.throwIfAny();
  const { external_url: externalUrl, runbook_url: runbookUrl, receivers } = parsed.data as z.infer<typeof fileShape>;
  const found = receivers.map((given, i) => receiverOf(given, { file, problems, path: ['receivers', i] }));
  checkTogether(found, problems);
  problems.throwIfAny();
  return { receivers: found, externalUrl, runbookUrl };
}

interface Place {
  readonly file: string;
  readonly problems: Problems;
  readonly path: Path;
}

function receiverOf(given: Given, place: Place): Receiver {
  const url = valueOf(given.url, { ...place, path: [...place.path, 'url'] });
  if (url !== '') checkUrl(url, { ...place, path: [...place.path, 'url'] });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given.headers)) {
    const at = { ...place, path: [...place.path, 'headers', name] };
    const header = valueOf(value, at);
    if (!HEADER_NAME.test(name)) place.problems.add(at.path, 'is not the name of a header');
    else if (HEADERS_REFUSED.includes(name.toLowerCase())) place.problems.add(at.path, 'is set by Backtrail');
    else if (!HEADER_VALUE.test(header)) place.problems.add(at.path, 'has a character that a header may not have');
    headers[name] = header;
  }
  return {
    name: given.name,
    url,
    severities: given.severities,
    kinds: given.kinds,
    models: given.models,
    isDefault: given.default,
    headers,
    maxAlerts: given.max_alerts,
    groupWaitMs: given.group_wait,
    groupIntervalMs: given.group_interval,
    repeatIntervalMs: given.repeat_interval,
    sendResolved: given.send_resolved,
    timeoutMs: given.timeout,
  };
}

function checkUrl(url: string, { problems, path }: Place): void {
  // What stands in it may be a secret: it is not repeated.
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    problems.add(path, 'is not an http or https address');
  } else if (new URL(url).username !== '' || new URL(url).password !== '') {
    problems.add(path, 'has a user in it: give an Authorization header, from a file');
  }
}

function checkTogether(receivers: readonly Receiver[], problems: Problems): void {
  receivers.forEach(({ name }, i) => {
    const first = receivers.findIndex((one) => one.name === name);
    if (first !== i) problems.add(['receivers', i, 'name'], `is the name of receivers[${first}] too`);
  });
  if (receivers.every(({ severities, isDefault }) => severities !== null && !isDefault)) {
    problems.add(['receivers'], 'has none for alerts without a severity: one needs `default: true`, or no severities');
  }
}

function valueOf(given: string | { readonly file: string }, { file, problems, path }: Place): string {
  if (typeof given === 'string') {
    if (given === '') problems.add(path, 'is empty');
    return given;
  }
  try {
    // Whoever writes such a file with an editor ends its line.
    const value = textOf(resolve(dirname(file), given.file), `names ${given.file}, which cannot be read`).trimEnd();
    if (value === '') problems.add(path, `names ${given.file}, which is empty`);
    return value;
  } catch (error) {
    problems.add(path, (error as Error).message);
    return '';
  }
}

function textOf(file: string, sentence: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new BacktrailError('CONFIG_INVALID', `${sentence}: ${code === 'ENOENT' ? 'no such file' : code}`, { cause });
  }
}

/** What is wrong with a file, each with its line. */
class Problems {
  readonly #found: string[] = [];

  constructor(
    private readonly file: string,
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
  ) {}

  add(path: Path, sentence: string): void {
    const name = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    this.addAt(this.#offsetOf(path), `${name.replace(/^\./, '')} ${sentence}`.trimStart());
  }

  addAt(offset: number, sentence: string): void {
    this.#found.push(`${this.file}:${this.lines.linePos(offset).line}: ${sentence}`);
  }

  addIssue(issue: z.core.$ZodIssue): void {
    if (issue.code !== 'unrecognized_keys') this.add(issue.path, issue.message);
    else for (const key of issue.keys) this.add([...issue.path, key], 'is not known');
  }

  throwIfAny(): void {
    if (this.#found.length > 0) throw new BacktrailError('CONFIG_INVALID', this.#found.join('\n'));
  }

  /** Of the nearest that is there: a field that is missing is reported where it should be. */
  #offsetOf(path: Path): number {
    for (let length = path.length; length > 0; length -= 1) {
      const node = this.document.getIn(path.slice(0, length), true) as { range?: readonly number[] | null } | undefined;
      if (node?.range) return node.range[0] ?? 0;
    }
    return 0;
  }
}
