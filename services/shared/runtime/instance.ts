import { sleep } from '../clock.js';
import type { Limits } from '../config.js';
import type { RecordOf, Stream } from '../core/record.js';
import { asBacktrailError } from '../errors.js';
import type { Decoder, Patience } from './accept.js';
import { BackPressure, gatheredMax, type PauseReason } from './back-pressure.js';
import { join } from './join.js';
import { Lane } from './lane.js';
import { Linker } from './linker.js';
import { appliedOf, LogCheck, type Applied } from './log-check.js';
import { commitBatches, hasRead, readBatch, writeBatches, type LoopParts, type ReadBatch } from './loop.js';
import { Partitions, takenOver } from './partitions.js';
import { Pipeline } from './pipeline.js';
import type { Assigned, Batch, ConsumerHandlers, GroupConsumer, LogEnds, LogSpans } from './ports.js';
import { Progress } from './progress.js';
import { ReleasesReader } from './releases-reader.js';
import { retrying, type RetryOptions } from './retry.js';
import { Settler, type Copies } from './settler.js';
import type { LeftAt } from './settled.js';
import { Sweeper } from './sweeper.js';
import { WaitingPayments } from './waiting.js';

export interface InstanceParts<S extends Stream> extends Omit<
  LoopParts<S>,
  'partitions' | 'releases' | 'topics' | 'deadLetterRunMax'
> {
  readonly topics: LoopParts['topics'] & { readonly releases: string; readonly inferences: string };
  readonly ends: LogEnds & LogSpans;
  readonly copies: Copies;
  readonly releasesConsumer: GroupConsumer;
  readonly releasesDecoder: Decoder<RecordOf['releases']>;
  readonly limits: Limits;
  readonly retry: RetryOptions;
  /** Called with what waiting cannot help: the service ends. */
  readonly fail: (error: unknown) => void;
}

/**
 * One running instance of a service: takes partitions over, applies their batches, sweeps, tells copies apart, follows what
 * comes late, and says how far it is.
 */
export class Instance<S extends Stream> {
  readonly #parts: InstanceParts<S>;
  readonly #partitions = new Partitions();
  readonly #lane = new Lane();
  readonly #releases: ReleasesReader;
  readonly #progress: Progress;
  readonly #sweeper: Sweeper;
  readonly #settler: Settler;
  readonly #logCheck: LogCheck;
  readonly #releasesCheck: LogCheck;
  readonly #linker: Linker | undefined;
  readonly #waiting: WaitingPayments | undefined;
  readonly #loop: LoopParts<S>;
  readonly #pipeline: Pipeline<ReadBatch<S>>;
  readonly #pressure: BackPressure;
  #waitsFor: string | null = 'the releases topic';

  constructor(parts: InstanceParts<S>) {
    this.#parts = parts;
    const { definition, store, consumer, retry, metrics, limits, ends } = parts;
    const partitions = this.#partitions;
    this.#releases = new ReleasesReader({
      topic: parts.topics.releases,
      consumer: parts.releasesConsumer,
      ends,
      acceptor: { stream: 'releases', decoder: parts.releasesDecoder, patience: this.#followReleaseService() },
      store,
      retry,
      onGrowth: () => {
        metrics.releaseOffset.set(Number(this.#releases.nextOffset));
        this.#sweep();
      },
      onCrash: parts.fail,
    });
    const { topics, copies } = parts;
    if (definition.followsInferences === true) {
      const compute = (ids: readonly string[]): Promise<void> => join({ kind: 'ids', ids }, parts);
      const looking = { reads: store.payments, compute, metrics, retry };
      const progress = { soon: () => this.#progress.soon() };
      this.#linker = new Linker({ topic: topics.inferences, partitions, progress, ...looking });
      this.#waiting = new WaitingPayments(looking);
    }
    const joinsReleases = definition.attributed !== undefined;
    this.#progress = new Progress(definition.service, {
      ...{ topics, store, ends, partitions, metrics },
      ...{ joinsReleases, following: this.#linker },
    });
    const settling = { store, copies, partitions, progress: this.#progress, metrics, retry };
    this.#settler = new Settler({ stream: definition.stream, topic: topics.input, ...settling });
    this.#logCheck = new LogCheck({ stream: definition.stream, topic: topics.input, log: ends, held: copies });
    this.#releasesCheck = new LogCheck({ stream: 'releases', topic: topics.releases, log: ends, held: copies });
    this.#sweeper = new Sweeper({
      definition,
      store,
      consumer,
      partitions,
      releases: this.#releases,
      progress: this.#progress,
      lane: this.#lane,
      flush: () => this.#pipeline.flush(),
      retry,
      metrics,
      rowsMax: limits.sweepRowsMax,
    });
    const releases = this.#releases;
    this.#loop = {
      ...parts,
      partitions,
      acceptor: { ...parts.acceptor, transcoder: definition.attributed?.transcoder(releases) },
      deadLetterRunMax: limits.deadLetterRunMax,
      releases: {
        log: releases.log,
        get nextOffset() {
          return releases.nextOffset;
        },
        catchUp: () => releases.catchUp(limits.releasesWaitMs),
      },
    };
    const max = gatheredMax(definition, limits);
    this.#pressure = new BackPressure(metrics, max);
    this.#pipeline = new Pipeline({
      write: (read, discarded) => this.#write(read, discarded),
      max,
      pressure: this.#pressure,
      onFailure: (error) => {
        if (asBacktrailError(error).outcome !== 'retry') parts.fail(error);
      },
    });
  }

  notReady(): string | null {
    return this.#waitsFor === null ? null : `waits for ${this.#waitsFor}`;
  }

  /** Resolves once it knows all releases there were and is a member of its group, or when its end has begun. */
  async start(): Promise<void> {
    const { definition, consumer, retry, fail } = this.#parts;
    const handlers: ConsumerHandlers = {
      moved: () => this.#pipeline.discard(),
      assigned: (partitions) => this.#failing(() => this.#take(partitions)),
      batch: (batch, signal) => this.#failing(() => this.#read(batch, signal)),
      crashed: fail,
    };
    if (definition.attributed !== undefined) {
      await this.#starting(() => retrying(() => this.#checkReleases(), retry));
      await this.#starting(() => retrying(() => this.#releases.start(), retry));
    }
    if (this.#ending()) return;
    this.#waitsFor = 'its consumer group';
    await this.#starting(() => retrying(() => this.#progress.start(), retry));
    if (this.#ending()) return;
    await this.#starting(() => retrying(() => consumer.start(handlers), retry));
    if (!this.#ending()) this.#waitsFor = null;
  }

  #ending(): boolean {
    return this.#parts.retry.signal.aborted;
  }

  /**
   * Waits for a start, but not for long once the end has begun. A moment it does get: a member that goes away in the
   * middle of joining is waited for by its whole group.
   */
  async #starting(start: () => Promise<void>): Promise<void> {
    const started = new AbortController();
    const done = start().finally(() => {
      started.abort();
    });
    const { signal } = this.#parts.retry;
    const givenUp = untilAborted(AbortSignal.any([signal, started.signal])).then(() =>
      sleep(LEAVING_MS, started.signal),
    );
    await Promise.race([done, givenUp.then(() => (signal.aborted ? undefined : done))]);
  }

  /** All that goes on beside the batches, until the signal aborts. */
  async tick(signal: AbortSignal): Promise<void> {
    const beside = [this.#settler, this.#linker, this.#waiting];
    await Promise.all([this.#looking(signal), ...beside.map((one) => this.#guarded(async () => one?.run(signal)))]);
  }

  async #looking(signal: AbortSignal): Promise<void> {
    for (let looks = 0; !signal.aborted; looks += 1) {
      await this.#guarded(() => this.#progress.look());
      this.#sweep();
      if (looks % LOOKS_PER_LOG_CHECK === 0) await this.#guarded(() => this.#checkLog(signal));
      await sleep(this.#parts.limits.idleCheckMs, signal);
    }
  }

  /** It is still the log that was applied, and what it lost before it was read is declared. */
  async #checkLog(signal: AbortSignal): Promise<void> {
    const { definition, topics } = this.#parts;
    const states = this.#partitions.all;
    // While a topic is gone nobody has its partitions, and the group notices only after minutes that it is back.
    const applied = states.length > 0 ? states.map(appliedOf) : this.#appliedBy(definition.service, topics.input);
    await this.#logCheck.check(await applied);
    for (const batch of await this.#logCheck.stalled(states)) await this.#read(batch, signal);
    await this.#checkReleases();
  }

  /** Rows say up to which release record they are right: that is nothing, should the releases be others. */
  async #checkReleases(): Promise<void> {
    const { definition, topics } = this.#parts;
    if (definition.attributed === undefined) return;
    const held = await this.#appliedBy('release', topics.releases);
    await this.#releasesCheck.check([...held, this.#releases.applied]);
  }

  /** What the instances of a service applied, as the tables say. */
  async #appliedBy(service: string, topic: string): Promise<Applied[]> {
    const left = await this.#parts.store.leftAt(service, topic);
    return [...left].map(([partition, one]) => appliedBefore({ partition, committed: null }, one));
  }

  /**
   * Resolves when all that was read is durable and committed, its rows hold what is known of releases, and it is told
   * apart from copies; and its rows hold the inferences that are settled.
   */
  async settled(): Promise<void> {
    await this.#pipeline.flush();
    if (this.#parts.definition.attributed !== undefined) await this.#sweeper.run();
    await this.#settler.settle();
    await this.#linker?.link();
    await this.#progress.flush();
  }

  async stop(): Promise<void> {
    this.#waitsFor = 'its end';
    // Written and committed while it is still a member; what comes in meanwhile waits for its own commit.
    await this.#pipeline.flush().catch(() => undefined);
    const { consumer, releasesConsumer } = this.#parts;
    // Also those that never came to start: a connection that is left open keeps the process alive.
    await Promise.allSettled([consumer.stop(), releasesConsumer.stop()]);
    await this.#progress.flush().catch(() => undefined);
  }

  async #take(assigned: readonly Assigned[]): Promise<void> {
    const { definition, store, retry, topics } = this.#parts;
    const { service } = definition;
    await this.#lane.run(() =>
      this.#pausing('database', retry, async () => {
        const left = await store.leftAt(service, topics.input);
        const applied = assigned.map((one) => appliedBefore(one, left.get(one.partition)));
        await this.#logCheck.check(applied);
        const releaseOffset = this.#releases.nextOffset;
        const states = assigned.map((one) => takenOver(one, { left: left.get(one.partition), releaseOffset }));
        await this.#linker?.taken(
          new Map(
            assigned.map(({ partition, committed }) => {
              return [partition, { linked: left.get(partition)?.linked ?? {}, isNew: committed === null }];
            }),
          ),
        );
        this.#partitions.take(states);
        await this.#progress.flush();
      }),
    );
    this.#sweep();
    this.#settler.wake();
  }

  async #read(batch: Batch, moved: AbortSignal): Promise<void> {
    const { retry } = this.#parts;
    const signal = AbortSignal.any([retry.signal, moved]);
    const state = this.#partitions.of(batch);
    // kafkajs goes back to the beginning of a log that has not got the next offset.
    if (state !== null && batch.startOffset !== undefined && batch.startOffset < state.readOffset) {
      await retrying(() => this.#logCheck.check([appliedOf(state)]), { ...retry, signal });
    }
    // Whoever has the lane waits for a write.
    const begun = this.#pressure.pause('database');
    await this.#lane.run(async () => {
      begun();
      const read = await this.#pausing('input', { ...retry, signal }, () => readBatch(batch, this.#loop));
      await this.#pipeline.add(read, moved);
      hasRead(read);
    });
    if (this.#ending()) await this.#pipeline.flush();
  }

  /** As `retrying`; once a try has failed, nothing is read until one succeeds. */
  async #pausing<T>(reason: PauseReason, retry: RetryOptions, action: () => Promise<T>): Promise<T> {
    let over = (): void => undefined;
    const onRetry: RetryOptions['onRetry'] = (error, attempt) => {
      if (attempt === 1) over = this.#pressure.pause(reason);
      retry.onRetry?.(error, attempt);
    };
    try {
      return await retrying(action, { ...retry, onRetry });
    } finally {
      over();
    }
  }

  async #write(read: readonly ReadBatch<S>[], discarded: AbortSignal): Promise<void> {
    const retry = { ...this.#parts.retry, signal: AbortSignal.any([this.#parts.retry.signal, discarded]) };
    await retrying(() => writeBatches(read, this.#loop), retry);
    await retrying(() => commitBatches(read, this.#loop), retry);
    this.#settler.wake();
  }

  /** What waiting cannot help ends the service, whatever the consumer does with the rejection. */
  async #failing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (asBacktrailError(error).outcome !== 'retry') this.#parts.fail(error);
      throw error;
    }
  }

  #sweep(): void {
    if (this.#parts.definition.attributed !== undefined) void this.#guarded(() => this.#sweeper.run());
  }

  /** For work outside batches: an outage is met again at the next turn. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    await this.#failing(work).catch(() => undefined);
  }

  /** A release record without a schema is waited for until it is one, or the release service has given it up. */
  #followReleaseService(): Patience {
    return async (record, batch, { reason }) => {
      const givenUp = await this.#parts.store.givenUpOffsets(batch.topic);
      return givenUp.has(record.offset.toString()) ? { record, code: 'SCHEMA_UNKNOWN', reason } : null;
    };
  }
}

const LEAVING_MS = 3_000;
/** Rarely: it asks the brokers once or twice for each partition. */
const LOOKS_PER_LOG_CHECK = 10;

function appliedBefore(
  { partition, committed }: Pick<Assigned, 'partition' | 'committed'>,
  left: LeftAt | undefined,
): Applied {
  const settled = { offset: left?.nextOffset ?? 0n, untilMs: left?.appliedUntilMs ?? 0 };
  const read = committed?.nextOffset ?? 0n;
  return { partition, nextOffset: read > settled.offset ? read : settled.offset, settled };
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
