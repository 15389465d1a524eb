import { now, sleep } from '../clock.js';
import type { Stream } from '../core/record.js';
import { BacktrailError } from '../errors.js';
import type { PartitionState } from './partitions.js';
import type { Batch, LogSpans, PartitionOffsets } from './ports.js';
import type { Copies } from './settler.js';

/** What was applied of a partition. */
export interface Applied {
  readonly partition: number;
  /** Everything below was read once: no log of the same records ends before. */
  readonly nextOffset: bigint;
  readonly settled: Mark;
}

/** Everything below the offset is durable, and was appended at `untilMs` or before. What held once holds for ever. */
interface Mark {
  readonly offset: bigint;
  readonly untilMs: number;
}

export interface LogCheckParts {
  readonly stream: Stream;
  readonly topic: string;
  readonly log: LogSpans;
  readonly held: Pick<Copies, 'appendedUntil'>;
}

/** A leader that has just taken over may not know yet how far its log is. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Whether a log is the one that was applied. Records are known by their positions, so a topic that was made anew, or brokers
 * that lost the end of a log and went on, would mix two histories under one name. It is another log when
 *
 *   - it ends before what was applied, or
 *   - it has below that a record that was appended later than all that was applied, where we hold records:
 *
 *        applied    | a a a a a a |              untilMs is the greatest append time of these
 *        the log    | n n n n n n n n n |        all of them appended after untilMs
 *
 * Gives a sentence that says so, or null. What was applied and deleted by retention is still the same log.
 */
export async function otherLog(applied: readonly Applied[], parts: LogCheckParts): Promise<string | null> {
  const { topic, log } = parts;
  const some = applied.filter(({ nextOffset }) => nextOffset > 0n);
  if (some.length === 0) return null;
  const spans = await log.offsets(topic);
  const ends = new Map(spans.map(({ partition, high }) => [partition, high]));
  for (const { partition, nextOffset } of some) {
    const end = ends.get(partition);
    if (end === undefined) return `${topic} has no partition ${partition} any more`;
    if (end < nextOffset) {
      return `${topic} partition ${partition} ends at offset ${end}, and everything below ${nextOffset} was applied`;
    }
  }
  for (const one of some) {
    const sentence = await overwritten(one, parts);
    if (sentence !== null) return sentence;
  }
  return null;
}

/**
 * The same, and the first record that the log still has is the one we have there: a service that did not notice at once has
 * applied some of another log, and what it settled last says nothing any more.
 */
export async function otherLogFromStart(applied: readonly Applied[], parts: LogCheckParts): Promise<string | null> {
  const sentence = await otherLog(applied, parts);
  if (sentence !== null) return sentence;
  const lows = new Map((await parts.log.offsets(parts.topic)).map(({ partition, low }) => [partition, low]));
  const first = applied.flatMap(({ partition, settled }) => {
    const from = lows.get(partition);
    return from === undefined || from >= settled.offset ? [] : [{ partition, from, to: from + 1n }];
  });
  if (first.length === 0) return null;
  const held = await parts.held.appendedUntil(parts.stream, parts.topic, first);
  const marks = first.map(({ partition, to }): Applied => {
    return { partition, nextOffset: to, settled: { offset: to, untilMs: held.get(partition) ?? 0 } };
  });
  return otherLog(marks, parts);
}

async function overwritten({ partition, settled }: Applied, parts: LogCheckParts): Promise<string | null> {
  const { stream, topic, log, held } = parts;
  if (settled.untilMs === 0) return null;
  const later = (await log.firstSince(topic, settled.untilMs + 1)).get(partition);
  if (later === undefined || later >= settled.offset) return null;
  // The marker of a transaction may be newer than the last record below it; where there is a marker we hold no record.
  const span = { partition, from: later, to: settled.offset };
  if (!(await held.appendedUntil(stream, topic, [span])).has(partition)) return null;
  return (
    `${topic} partition ${partition} has at offset ${later} a record that was appended after everything that was ` +
    `applied below ${settled.offset}`
  );
}

/** Watches over the logs of the partitions of an instance. */
export class LogCheck {
  /** Where partitions stood whose next record the log did not have any more. */
  #stalled = new Map<number, bigint>();
  /** What was settled when it was last asked: newer than that may be of another log already. */
  readonly #marks = new Map<number, Mark>();

  constructor(private readonly parts: LogCheckParts) {}

  /** Throws LOG_REPLACED when it is another log, also when asked twice. */
  async check(applied: readonly Applied[]): Promise<void> {
    const marked = applied.flatMap((one) => {
      const settled = this.#marks.get(one.partition);
      return settled === undefined ? [] : [{ ...one, settled }];
    });
    // Of a partition that nothing is remembered of, the tables are asked: rarely, because that is a look through all of one.
    const fresh = applied.filter(({ partition }) => !this.#marks.has(partition));
    const look = async (): Promise<string | null> =>
      (await otherLog([...marked, ...applied], this.parts)) ?? (await otherLogFromStart(fresh, this.parts));
    if ((await look()) !== null) {
      await sleep(LOOK_AGAIN_MS);
      const sentence = await look();
      if (sentence !== null) throw new BacktrailError('LOG_REPLACED', sentence);
    }
    for (const { partition, settled } of applied) if (settled.untilMs > 0) this.#marks.set(partition, settled);
  }

  /**
   * What reading will never come to, as batches without records: the log begins behind where a partition stands, and has
   * no record that would show it. Twice, because what was fetched before may be on its way.
   */
  async stalled(states: readonly PartitionState[]): Promise<Batch[]> {
    const stood = new Map(states.map((state) => [state, state.readOffset]));
    const askedAtMs = now();
    const spans = new Map((await this.parts.log.offsets(this.parts.topic)).map((span) => [span.partition, span]));
    const before = this.#stalled;
    this.#stalled = new Map();
    const batches: Batch[] = [];
    for (const [state, readOffset] of stood) {
      const span = spans.get(state.partition);
      if (span === undefined || span.low <= readOffset || state.readOffset !== readOffset) continue;
      this.#stalled.set(state.partition, readOffset);
      if (before.get(state.partition) === readOffset) batches.push(emptyBatch(state, span, askedAtMs));
    }
    return batches;
  }
}

function emptyBatch({ topic, partition }: PartitionState, { low, high }: PartitionOffsets, askedAtMs: number): Batch {
  return { topic, partition, records: [], startOffset: low, nextOffset: low, endOffset: high, askedAtMs };
}

export function appliedOf({ partition, nextOffset, settled }: PartitionState): Applied {
  return { partition, nextOffset, settled: { offset: settled.offset, untilMs: settled.untilMs } };
}
