import { keyOf } from '../../../schemas/topics.js';
import { parseClock } from '../../../services/scenario/clock.js';
import { fillFields, recordFields } from '../../../services/scenario/record-fields.js';
import type { Fact, RecordOf, Stream } from '../../../services/shared/core/record.js';
import type { ModelView } from '../../../services/shared/core/release-log.js';
import { Trail, type Records } from '../../../services/shared/core/trail.js';

const DAY_MICROS = Date.UTC(2026, 2, 10) * 1000;
const ADDRESS = '0x00';

/** A record as a story tells it: event time `at`, append time `arrives` (default `at`), other fields by their names. */
export interface Line {
  readonly at: string;
  readonly arrives?: string;
  readonly partition?: number;
  readonly [field: string]: unknown;
}

/** Lines of a story by topic; the order within a topic is the order of offsets. */
export type Lines = { readonly [S in Stream]?: readonly Line[] };

/** Microseconds of a clock time on the day of all stories. */
export function micros(clock: string): number {
  const time = parseClock(clock, DAY_MICROS);
  if (time === null) throw new Error(`not a clock time: ${clock}`);
  return time;
}

export function ms(clock: string): number {
  return micros(clock) / 1000;
}

const DEFAULTS: { readonly [S in Stream]: Readonly<Record<string, unknown>> } = {
  releases: { model_id: 'm' },
  inferences: { model_id: 'm' },
  proofs: { proof_id: 'q', inference_id: 'r', path: 'TEE' },
  payments: {
    payment_id: 'p',
    state: 'SETTLED',
    amount: '0',
    asset: 'OPG',
    network: 'n',
    payer: ADDRESS,
    payee: ADDRESS,
  },
  agents: { agent_id: 'A', change_id: 'c', action: 'CHANGED', kind: 'PROMPT' },
};

/** One fact; `offset` also names the event, unless the line does. */
export function fact<S extends Stream>(stream: S, line: Line, offset = 0): Fact<RecordOf[S]> {
  const { at, arrives = at, partition = 0, ...fields } = line;
  const given = { event_id: `e${offset}`, source: 'test', ...DEFAULTS[stream], ...fields, occurred_at: micros(at) };
  const record = fillFields(recordFields(stream), given, (text) => parseClock(text, DAY_MICROS));
  const typed = record as unknown as RecordOf[S];
  return {
    record: typed,
    key: keyOf(stream, typed as never),
    position: { partition, offset: BigInt(offset), appendedAtMs: ms(arrives) },
  };
}

export function facts<S extends Stream>(stream: S, lines: readonly Line[] = []): Fact<RecordOf[S]>[] {
  return lines.map((line, offset) => fact(stream, line, offset));
}

export function recordsOf(lines: Lines): Records {
  return {
    releases: facts('releases', lines.releases),
    inferences: facts('inferences', lines.inferences),
    proofs: facts('proofs', lines.proofs),
    payments: facts('payments', lines.payments),
    agents: facts('agents', lines.agents),
  };
}

/** The story as known at a clock time; by default everything. */
export function trailOf(lines: Lines, known = '+99d 00:00'): Trail {
  return Trail.of(recordsOf(lines), ms(known));
}

/** What is known of model `m`. */
export function viewOf(releases: readonly Line[], known?: string): ModelView {
  return trailOf({ releases }, known).view('m');
}

/** Lines that most stories need. */
export function traffic(at: string, shares: Readonly<Record<string, number>>, more: Partial<Line> = {}): Line {
  return { at, action: 'TRAFFIC_SET', traffic: shares, ...more };
}

export function rollback(at: string, undone: string, restored: string, more: Partial<Line> = {}): Line {
  return { at, action: 'ROLLED_BACK', release: undone, to: restored, ...more };
}

export function flag(at: string, release: string, more: Partial<Line> = {}): Line {
  return { at, action: 'FLAGGED', release, flag_id: 'f', severity: 'HIGH', ...more };
}
