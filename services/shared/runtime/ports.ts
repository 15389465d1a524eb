/** A record as the log holds it. Key, value and headers belong to the reader: no buffer of a fetch is kept alive. */
export interface LogRecord {
  readonly offset: bigint;
  readonly appendedAtMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

export interface Header {
  readonly name: string;
  readonly value: Buffer | null;
}

/** What the log gave of one partition. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /** The offset that was fetched, where it is known: more than where reading stood when the log has lost what lay between. */
  readonly startOffset?: bigint;
  /** Of a batch without records: what lies before its end is not wanted, and was not asked for. */
  readonly passedOver?: true;
  /** Of a batch without records: when the log was asked, by our clock. */
  readonly askedAtMs?: number;
  /** Where reading goes on; more than the last record's offset + 1 where the log holds offsets without a record. */
  readonly nextOffset: bigint;
  /** The end of the partition when this was fetched. */
  readonly endOffset: bigint;
}

/** A partition that has become ours, and where its last owner left it. */
export interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** The first offset the log still has. */
  readonly startOffset: bigint;
  readonly committed: { readonly nextOffset: bigint; readonly metadata: string } | null;
}

export interface Commit {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly metadata: string;
}

export interface ConsumerHandlers {
  /** The group has changed: what is in hand comes to its end, before anybody asks what was committed. */
  moved(): Promise<void>;
  /** Called at each change of the group, before the first batch of what is assigned. */
  assigned(partitions: readonly Assigned[]): Promise<void>;
  /**
   * Takes a batch. The signal aborts when the group moves on: the batch is then somebody else's. When it resolves,
   * reading goes on behind the batch; whether it is durable is said by the commit alone.
   */
  batch(batch: Batch, signal: AbortSignal): Promise<void>;
  /** The consumer has ended by itself and will not come back. */
  crashed(error: Error): void;
}

/** A member of a consumer group. Throws BacktrailError only. */
export interface GroupConsumer {
  start(handlers: ConsumerHandlers): Promise<void>;
  /** Throws KAFKA_GROUP_MOVED when the partitions may have another owner by now. */
  commit(commits: readonly Commit[]): Promise<void>;
  /** Reading of a partition of ours goes on there. Batches that were fetched before may still come. */
  seek?(to: { readonly topic: string; readonly partition: number; readonly offset: bigint }): void;
  /** Lets the batch that is being applied come to its end, then leaves the group. */
  stop(): Promise<void>;
}

/** Questions to the log that need no group. */
export interface LogEnds {
  /** The offset after the last record of each partition. */
  endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
}

/** The offsets a partition holds: the first one, and the one after the last. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

export interface LogSpans {
  /** By partition number. Throws KAFKA_TOPIC_MISSING. */
  offsets(topic: string): Promise<readonly PartitionOffsets[]>;
  /** The first offset of each partition that was appended at this time or later; its end where there is none. */
  firstSince(topic: string, appendedAtMs: number): Promise<ReadonlyMap<number, bigint>>;
}

export interface Outgoing {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: readonly Header[];
}

export interface Producer {
  /** Resolves once all in-sync replicas have the records. */
  send(topic: string, records: readonly Outgoing[]): Promise<void>;
}
