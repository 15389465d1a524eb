import { elapsedMs } from '../clock.js';
import type { Stream } from '../core/record.js';
import { BacktrailError } from '../errors.js';
import type { Metrics } from '../metrics.js';
import { accept, type Acceptor } from './accept.js';
import { deadLetterRecord, deadLetterRow } from './dead-letters.js';
import type { Definition, ReleaseKnowledge } from './definition.js';
import { gapRow, gapsIn } from './gaps.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { Batch, GroupConsumer, Producer } from './ports.js';
import type { Progress } from './progress.js';
import { retrying, type RetryOptions } from './retry.js';
import type { Scope, Store } from './store.js';

export interface LoopParts<S extends Stream = Stream> {
  readonly definition: Definition<S>;
  readonly topics: { readonly input: string; readonly deadLetters: string; readonly touched: string };
  readonly acceptor: Acceptor<S>;
  readonly toFactRow: (fact: Awaited<ReturnType<typeof accept<S>>>['facts'][number], topic: string) => object;
  readonly factTable: string;
  readonly store: Store;
  readonly producer: Producer;
  readonly consumer: GroupConsumer;
  readonly partitions: Partitions;
  readonly releases: ReleaseKnowledge & { catchUp(): Promise<void> };
  readonly progress: Progress;
  readonly metrics: Metrics;
  readonly deadLetterRunMax: number;
}

/**
 * One batch, from the log to the commit. Everything before the commit can be done twice: a crash anywhere, a write that
 * failed after it had saved, a second owner with the same batch, all lead to the same rows (laws L1, L4).
 */
export async function applyBatch<S extends Stream>(
  batch: Batch,
  parts: LoopParts<S>,
  retry: RetryOptions,
): Promise<void> {
  const state = parts.partitions.of(batch);
  if (state === null) throw new BacktrailError('KAFKA_GROUP_MOVED', 'the partition has another owner by now');
  const isInput = batch.topic === parts.topics.input;
  const refusedRun = await retrying(
    () => (isInput ? applyRecords(batch, state, parts) : applyTouched(batch, parts)),
    retry,
  );
  await retrying(() => commit(batch, state, parts), retry);

  state.refusedRun = refusedRun;
  state.nextOffset = batch.nextOffset > state.nextOffset ? batch.nextOffset : state.nextOffset;
  state.appliedUntilMs = batch.records.reduce((ms, record) => Math.max(ms, record.appendedAtMs), state.appliedUntilMs);
  state.changed = true;
  await retrying(() => parts.progress.afterBatch(batch.nextOffset >= batch.endOffset), retry);
}

/** Decode, keep dead letters, write facts; then link, join and write rows. Returns the run of dead letters. */
async function applyRecords<S extends Stream>(
  batch: Batch,
  state: PartitionState,
  parts: LoopParts<S>,
): Promise<number> {
  const { definition, store, metrics } = parts;
  const timed = timer(metrics);
  const { facts, refused, refusedRun } = await accept(parts.acceptor, batch, state.refusedRun);
  timed('accept');
  if (refusedRun > parts.deadLetterRunMax) {
    const last = refused.at(-1)?.reason ?? '';
    throw new BacktrailError(
      'DEAD_LETTER_RUN',
      `${refusedRun} dead letters in a row in ${batch.topic}, the last: ${last}`,
    );
  }
  const origin = { service: definition.service, topic: batch.topic, partition: batch.partition };
  const gaps = gapsIn(batch, state.nextOffset);
  const joinedTable = definition.joined?.table;

  await parts.producer.send(
    parts.topics.deadLetters,
    refused.map((one) => deadLetterRecord(one, origin)),
  );
  await store.insert(
    'dead_letter_rows',
    refused.map((one) => deadLetterRow(one, origin)),
  );
  await store.insert(
    'gap_rows',
    gaps.map((gap) => gapRow(gap, 'NO_RECORD', origin)),
  );
  await store.insert(
    parts.factTable,
    facts.map((fact) => parts.toFactRow(fact, batch.topic)),
  );
  if (definition.references) await store.insert(definition.references.table, definition.references.rows(facts));

  timed('write');

  // From here on every fact is durable: whoever looks after us sees it, and we see whatever was there before.
  if (facts.length > 0) {
    const scope: Scope = {
      kind: 'offsets',
      topic: batch.topic,
      partition: batch.partition,
      from: batch.records[0]?.offset ?? batch.nextOffset,
      to: batch.nextOffset,
      written: facts,
    };
    await join(scope, parts);
    timed('join');
    await announce(scope, parts);
    timed('announce');
  }
  metrics.records.inc({ topic: batch.topic, fate: 'fact' }, facts.length);
  metrics.records.inc({ topic: batch.topic, fate: 'dead_letter' }, refused.length);
  metrics.gapOffsets.inc(
    { topic: batch.topic },
    gaps.reduce((sum, gap) => sum + Number(gap.to - gap.from), 0),
  );
  if (joinedTable === undefined) metrics.rows.inc({ table: parts.factTable }, facts.length);
  return refusedRun;
}

/** Computes again what the arrival of other records may have changed. Only keys matter; nothing here can be refused. */
async function applyTouched<S extends Stream>(batch: Batch, parts: LoopParts<S>): Promise<number> {
  const ids = [...new Set(batch.records.map((record) => record.key?.toString('utf8') ?? ''))];
  await join({ kind: 'ids', ids }, parts);
  parts.metrics.touched.inc(ids.length);
  return 0;
}

async function join<S extends Stream>(
  scope: Scope,
  { definition, store, releases, metrics }: LoopParts<S>,
): Promise<void> {
  if (definition.joined === null) return;
  if (definition.readsReleases) await releases.catchUp();
  const rows = await definition.joined.rows(scope, { store, releases });
  await store.insert(definition.joined.table, rows);
  metrics.rows.inc({ table: definition.joined.table }, rows.length);
}

async function announce<S extends Stream>(scope: Scope, parts: LoopParts<S>): Promise<void> {
  const ids = (await parts.definition.touches?.(scope, parts.store)) ?? [];
  await parts.producer.send(
    parts.topics.touched,
    ids.map((id) => ({ key: id, value: null })),
  );
  parts.metrics.touched.inc(ids.length);
}

async function commit<S extends Stream>(batch: Batch, state: PartitionState, parts: LoopParts<S>): Promise<void> {
  const { topic, partition, nextOffset } = batch;
  await parts.consumer.commit([{ topic, partition, nextOffset, metadata: state.sweptTo.toString() }]);
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
