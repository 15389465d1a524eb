import { sleep } from '../clock.js';
import type { Limits } from '../config.js';
import type { RecordOf, Stream } from '../core/record.js';
import { asBacktrailError } from '../errors.js';
import type { Decoder, Patience } from './accept.js';
import { gapRow } from './gaps.js';
import { Lane } from './lane.js';
import { applyBatch, type LoopParts } from './loop.js';
import { Partitions, takenOver } from './partitions.js';
import type { Assigned, Batch, ConsumerHandlers, GroupConsumer, LogEnds } from './ports.js';
import { Progress } from './progress.js';
import { ReleasesReader } from './releases-reader.js';
import { retrying, type RetryOptions } from './retry.js';
import { Sweeper } from './sweeper.js';

export interface InstanceParts<S extends Stream> extends Omit<
  LoopParts<S>,
  'partitions' | 'releases' | 'progress' | 'topics' | 'deadLetterRunMax'
> {
  readonly topics: LoopParts['topics'] & { readonly releases: string };
  readonly ends: LogEnds;
  readonly releasesConsumer: GroupConsumer;
  readonly releasesDecoder: Decoder<RecordOf['releases']>;
  readonly limits: Limits;
  readonly retry: RetryOptions;
  /** Called with what waiting cannot help: the service ends. */
  readonly fail: (error: unknown) => void;
}

/** One running instance of a service: takes partitions over, applies their batches, sweeps, and says how far it is. */
export class Instance<S extends Stream> {
  readonly #parts: InstanceParts<S>;
  readonly #partitions = new Partitions();
  readonly #lane = new Lane();
  readonly #releases: ReleasesReader;
  readonly #progress: Progress;
  readonly #sweeper: Sweeper;
  readonly #loop: LoopParts<S>;
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
      retry,
      onGrowth: () => {
        metrics.releaseOffset.set(Number(this.#releases.nextOffset));
        this.#sweep();
      },
      onCrash: parts.fail,
    });
    this.#progress = new Progress(definition.service, { store, ends, partitions, metrics });
    this.#sweeper = new Sweeper({
      definition,
      store,
      consumer,
      partitions,
      releases: this.#releases,
      progress: this.#progress,
      lane: this.#lane,
      retry,
      metrics,
      rowsMax: limits.sweepRowsMax,
    });
    const releases = this.#releases;
    this.#loop = {
      ...parts,
      partitions,
      progress: this.#progress,
      deadLetterRunMax: limits.deadLetterRunMax,
      releases: {
        log: releases.log,
        get nextOffset() {
          return releases.nextOffset;
        },
        catchUp: () => releases.catchUp(limits.releasesWaitMs),
      },
    };
  }

  notReady(): string | null {
    return this.#waitsFor === null ? null : `waits for ${this.#waitsFor}`;
  }

  /** Resolves once it knows all releases there were and is a member of its group, or when its end has begun. */
  async start(): Promise<void> {
    const { definition, consumer, retry, fail } = this.#parts;
    const handlers: ConsumerHandlers = {
      assigned: (partitions) => this.#failing(() => this.#take(partitions)),
      batch: (batch, signal) => this.#failing(() => this.#apply(batch, signal)),
      crashed: fail,
    };
    if (definition.readsReleases) await this.#starting(() => retrying(() => this.#releases.start(), retry));
    if (this.#ending()) return;
    this.#waitsFor = 'its consumer group';
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

  /** Looks at the ends of its partitions until the signal aborts. */
  async tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#guarded(() => this.#progress.look());
      this.#sweep();
      await sleep(this.#parts.limits.idleCheckMs, signal);
    }
  }

  /** Resolves when every row of its partitions holds what is known of releases. */
  async settled(): Promise<void> {
    if (this.#parts.definition.readsReleases) await this.#sweeper.run();
  }

  async stop(): Promise<void> {
    this.#waitsFor = 'its end';
    const { consumer, releasesConsumer } = this.#parts;
    // Also those that never came to start: a connection that is left open keeps the process alive.
    await Promise.allSettled([consumer.stop(), releasesConsumer.stop()]);
    await this.#progress.flush().catch(() => undefined);
  }

  async #take(assigned: readonly Assigned[]): Promise<void> {
    const { definition, store, retry, topics } = this.#parts;
    const { service } = definition;
    await this.#lane.run(() =>
      retrying(async () => {
        const states = [];
        for (const topic of new Set(assigned.map((one) => one.topic))) {
          const until = await store.appliedUntil(service, topic);
          for (const one of assigned.filter((other) => other.topic === topic)) {
            const state = takenOver(one, {
              appliedUntilMs: until.get(one.partition) ?? 0,
              releaseOffset: this.#releases.nextOffset,
            });
            if (one.startOffset > state.nextOffset) {
              const gap = { from: state.nextOffset, to: one.startOffset };
              if (topic === topics.input) {
                await store.insert('gap_rows', [gapRow(gap, 'BEFORE_RETENTION', { service, ...one })]);
              }
              state.nextOffset = one.startOffset;
            }
            states.push(state);
          }
        }
        this.#partitions.take(states);
        await this.#progress.flush();
      }, retry),
    );
    this.#sweep();
  }

  async #apply(batch: Batch, moved: AbortSignal): Promise<void> {
    const { retry } = this.#parts;
    const signal = AbortSignal.any([retry.signal, moved]);
    await this.#lane.run(() => applyBatch(batch, this.#loop, { ...retry, signal }));
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
    if (this.#parts.definition.readsReleases) void this.#guarded(() => this.#sweeper.run());
  }

  /** For work outside batches: an outage is met again at the next turn. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    await this.#failing(work).catch(() => undefined);
  }

  /** A release record without a schema is waited for until it is one, or the release service has given it up. */
  #followReleaseService(): Patience {
    return async (record, batch, reason) => {
      const givenUp = await this.#parts.store.givenUpOffsets(batch.topic);
      return givenUp.has(record.offset.toString()) ? { record, code: 'SCHEMA_UNKNOWN', reason } : null;
    };
  }
}

const LEAVING_MS = 3_000;

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
