import type { Assigned, Batch } from './ports.js';
import { NOTHING_SETTLED, Settled, type LeftAt } from './settled.js';

/** What an instance knows of a partition it owns. */
export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** Everything below is applied and durable. */
  nextOffset: bigint;
  /** Everything below is read; what lies between the two is on its way. */
  readOffset: bigint;
  /** Rows of records below nextOffset hold what the releases topic says below this offset. */
  sweptTo: bigint;
  /** Greatest append time applied. */
  appliedUntilMs: number;
  /** How far it is told apart from copies, and complete. */
  readonly settled: Settled;
  /** Dead letters since the last record that was none. */
  refusedRun: number;
  /** Whether its progress has to be written. */
  changed: boolean;
}

/** The partitions of an instance. `generation` changes when they do: work begun before may not speak for those after. */
export class Partitions {
  #states = new Map<string, PartitionState>();
  #generation = 0;

  get generation(): number {
    return this.#generation;
  }

  get all(): readonly PartitionState[] {
    return [...this.#states.values()];
  }

  take(states: readonly PartitionState[]): void {
    this.#generation += 1;
    this.#states = new Map(states.map((state) => [keyOf(state), state]));
  }

  /** The state of the partition of a batch, or null when it is no longer ours. */
  of(batch: Pick<Batch, 'topic' | 'partition'>): PartitionState | null {
    return this.#states.get(keyOf(batch)) ?? null;
  }
}

/** The state in which the last owner left a partition. A first owner has nothing below to sweep. */
export function takenOver(
  assigned: Assigned,
  known: { left: LeftAt | undefined; releaseOffset: bigint },
): PartitionState {
  const { topic, partition, committed } = assigned;
  const left = known.left ?? NOTHING_SETTLED;
  const nextOffset = takenAt(assigned, left);
  const swept = committed === null ? known.releaseOffset : parseOffset(committed.metadata);
  return {
    topic,
    partition,
    nextOffset,
    readOffset: nextOffset,
    sweptTo: swept,
    appliedUntilMs: left.appliedUntilMs,
    settled: new Settled(left, nextOffset),
    refusedRun: 0,
    changed: true,
  };
}

/**
 * Where reading goes on. Where the log does not begin there any more, no lower than what is settled: kafkajs forgets the
 * committed offset then, and what was applied before is not lost.
 */
function takenAt({ committed, startOffset }: Assigned, left: LeftAt): bigint {
  const nextOffset = committed?.nextOffset ?? 0n;
  if (startOffset <= nextOffset || left.nextOffset <= nextOffset) return nextOffset;
  return left.nextOffset < startOffset ? left.nextOffset : startOffset;
}

/** Metadata that is not ours means that nothing is known to be swept. */
function parseOffset(metadata: string): bigint {
  return /^\d+$/.test(metadata) ? BigInt(metadata) : 0n;
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic} ${partition}`;
}
