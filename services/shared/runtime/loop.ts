import { elapsedMs } from '../clock.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';
import { BacktrailError } from '../errors.js';
import type { Metrics } from '../metrics.js';
import { accept, type Acceptor, type EncodedRows, type Refused } from './accept.js';
import { setAside } from './dead-letters.js';
import type { Definition, ReleaseKnowledge } from './definition.js';
import { gapsIn, sizeOf, type Gap } from './gaps.js';
import { join, scopesOf } from './join.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { Portion } from './pipeline.js';
import type { Batch, GroupConsumer, Producer } from './ports.js';
import type { Store } from './store.js';

export interface LoopParts<S extends Stream = Stream> {
  readonly definition: Definition<S>;
  readonly topics: { readonly input: string; readonly deadLetters: string };
  readonly acceptor: Acceptor<S>;
  readonly factTable: string;
  readonly toFactRow: (fact: Fact<RecordOf[S]>) => object;
  readonly store: Store;
  readonly producer: Producer;
  readonly consumer: GroupConsumer;
  readonly partitions: Partitions;
  readonly releases: ReleaseKnowledge & { catchUp(): Promise<void> };
  readonly metrics: Metrics;
  readonly deadLetterRunMax: number;
}

/**
 * A batch that was read: judged, and made into rows; nothing of it is written yet. Many of them wait for one write, so
 * rows are bytes, and of the records themselves only what a join needs is kept.
 */
export interface ReadBatch<S extends Stream> extends Portion {
  readonly batch: Omit<Batch, 'records'>;
  readonly state: PartitionState;
  readonly rows: readonly EncodedRows[];
  /** Empty where nothing is joined with them. */
  readonly facts: readonly Fact<RecordOf[S]>[];
  readonly refused: readonly Refused[];
  /** Dead letters since the last fact, at the end of it. */
  readonly refusedRun: number;
  readonly gaps: readonly Gap[];
  readonly rowCount: number;
  /** The greatest append time in it; 0 without records. */
  readonly appendedUntilMs: number;
}

/** Whether rows other than its own are made of the records of a stream. */
export function isJoined<S extends Stream>({ joined, references }: Definition<S>): boolean {
  return joined !== null || references !== undefined;
}

/** The first half of a batch's way: bytes become facts, dead letters and rows. May be done twice: it changes nothing. */
export async function readBatch<S extends Stream>(batch: Batch, parts: LoopParts<S>): Promise<ReadBatch<S>> {
  const state = parts.partitions.of(batch);
  if (state === null) throw new BacktrailError('KAFKA_GROUP_MOVED', 'the partition has another owner by now');
  const { attributed } = parts.definition;
  const timed = timer(parts.metrics);
  if (attributed !== undefined) await parts.releases.catchUp();
  const { facts, encoded, refused, refusedRun } = await accept(parts.acceptor, batch, state.refusedRun);
  if (refusedRun > parts.deadLetterRunMax) {
    const last = refused.at(-1)?.reason ?? '';
    const message = `${refusedRun} dead letters in a row in ${batch.topic}, the last: ${last}`;
    throw new BacktrailError('DEAD_LETTER_RUN', message);
  }
  const others = facts.map((fact) => attributed?.row(fact, parts.releases) ?? parts.toFactRow(fact));
  const rows = [...(encoded === null ? [] : [encoded]), ...(others.length === 0 ? [] : [parts.store.encode(others)])];
  const gaps = gapsIn(batch, state);
  timed('read');
  const { records, ...span } = batch;
  const rowCount = rows.reduce((sum, one) => sum + one.rowCount, 0);
  const keepsFacts = isJoined(parts.definition);
  return {
    batch: span,
    ...{ state, rows, refused, refusedRun, gaps, rowCount },
    facts: keepsFacts ? facts : [],
    recordCount: Math.max(rowCount + refused.length, 1),
    // Of a record that is refused the value is kept, a piece of memory that all values of the batch share.
    byteCount: sizeOfRows(rows) + (keepsFacts || refused.length > 0 ? sizeOfValues(records) : 0),
    appendedUntilMs: records.reduce((ms, { appendedAtMs }) => Math.max(ms, appendedAtMs), 0),
    isLast: batch.nextOffset >= batch.endOffset,
  };
}

/** What was read counts as read: the next batch of the partition goes on from here. */
export function hasRead<S extends Stream>({ batch, state, refusedRun }: ReadBatch<S>): void {
  state.refusedRun = refusedRun;
  state.readOffset = batch.nextOffset > state.readOffset ? batch.nextOffset : state.readOffset;
}

/**
 * The second half, of one or more batches. It can be done twice, too: a crash anywhere, a write that failed after it had
 * saved, a second owner with the same batch, all lead to the same rows (laws L1, L4). The offsets are committed after.
 */
export async function writeBatches<S extends Stream>(
  read: readonly ReadBatch<S>[],
  parts: LoopParts<S>,
): Promise<void> {
  const { definition, store } = parts;
  const timed = timer(parts.metrics);
  const each = read.map(({ batch, refused, gaps }) => {
    const origin = { service: definition.service, topic: batch.topic, partition: batch.partition };
    return { origin, refused, gaps };
  });
  await setAside(each, { store, producer: parts.producer, topic: parts.topics.deadLetters });
  const { references, joined } = definition;
  const facts = read.flatMap((one) => one.facts);
  const rows = read.flatMap((one) => one.rows);
  await Promise.all([
    store.insertEncoded(definition.attributed?.table ?? parts.factTable, rows),
    references === undefined ? null : store.insert(references.table, references.rows(facts)),
  ]);
  timed('write');
  if (joined === null) return;

  // From here on every fact is durable: whoever looks after us sees it, and we see whatever was there before.
  for (const scope of scopesOf(facts)) await join(scope, parts);
  timed('join');
}

/** Commits what is durable, and counts it as applied. */
export async function commitBatches<S extends Stream>(
  read: readonly ReadBatch<S>[],
  { consumer, partitions, metrics, definition, factTable }: LoopParts<S>,
): Promise<void> {
  const ours = read.filter(({ batch, state }) => partitions.of(batch) === state);
  const last = new Map(ours.map(({ batch, state }) => [state, batch]));
  const commits = [...last].map(([{ sweptTo }, { topic, partition, nextOffset }]) => {
    return { topic, partition, nextOffset, metadata: sweptTo.toString() };
  });
  if (commits.length > 0) await consumer.commit(commits);
  for (const { batch, state, rows, refused, rowCount, gaps, appendedUntilMs } of ours) {
    state.nextOffset = batch.nextOffset > state.nextOffset ? batch.nextOffset : state.nextOffset;
    state.appliedUntilMs = Math.max(state.appliedUntilMs, appendedUntilMs);
    state.changed = true;
    for (const one of rows) one.release();
    metrics.records.inc({ topic: batch.topic, fate: 'fact' }, rowCount);
    metrics.records.inc({ topic: batch.topic, fate: 'dead_letter' }, refused.length);
    metrics.gapOffsets.inc({ topic: batch.topic }, sizeOf(gaps));
    metrics.rows.inc({ table: definition.attributed?.table ?? factTable }, rowCount);
  }
}

function sizeOfRows(rows: readonly EncodedRows[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function sizeOfValues(records: Batch['records']): number {
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

/** Observes how long it took since the last call. */
function timer(metrics: Metrics): (stage: string) => void {
  let since = elapsedMs();
  return (stage) => {
    const at = elapsedMs();
    metrics.batchSeconds.observe({ stage }, (at - since) / 1000);
    since = at;
  };
}
