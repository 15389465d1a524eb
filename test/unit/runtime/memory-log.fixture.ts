import { BacktrailError } from '../../../services/shared/errors.js';
import type {
  Batch,
  Commit,
  ConsumerHandlers,
  GroupConsumer,
  LogEnds,
  LogSpans,
  LogRecord,
  Outgoing,
  PartitionOffsets,
  Producer,
} from '../../../services/shared/runtime/ports.js';

export interface Appended {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly appendedAtMs: number;
  /** Leaves this many offsets without a record before it, as transactions and compaction do. */
  readonly hole?: number;
}

/** A log in memory: partitions of topics, committed offsets of groups, and faults to order. */
export class MemoryLog implements LogEnds, LogSpans, Producer {
  readonly #partitions = new Map<string, { records: LogRecord[]; end: bigint; start: bigint }[]>();
  readonly committed = new Map<string, { nextOffset: bigint; metadata: string }>();
  /** Called before a commit, and after it was saved. */
  onCommit: (when: 'before' | 'after') => void = () => undefined;
  /** The time that produced records are appended at. */
  nowMs = 0;

  create(topic: string, partitions: number): void {
    this.#partitions.set(
      topic,
      Array.from({ length: partitions }, () => ({ records: [], end: 0n, start: 0n })),
    );
  }

  append(topic: string, partition: number, { key, value, appendedAtMs, hole = 0 }: Appended): bigint {
    const log = this.partitionsOf(topic)[partition];
    if (log === undefined) throw new Error(`${topic} has no partition ${partition}`);
    const offset = log.end + BigInt(hole);
    log.records.push({ offset, appendedAtMs, key: key === null ? null : Buffer.from(key), value, headers: [] });
    log.end = offset + 1n;
    return offset;
  }

  /** Drops what lies before an offset, as retention does. */
  expire(topic: string, partition: number, start: bigint): void {
    const log = this.partitionsOf(topic)[partition];
    if (log === undefined) return;
    log.records = log.records.filter((record) => record.offset >= start);
    log.start = start;
  }

  partitionsOf(topic: string): { records: LogRecord[]; end: bigint; start: bigint }[] {
    const found = this.#partitions.get(topic);
    if (found === undefined) throw new Error(`no topic ${topic}`);
    return found;
  }

  endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return Promise.resolve(new Map(this.partitionsOf(topic).map((log, partition) => [partition, log.end])));
  }

  offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    return Promise.resolve(
      this.partitionsOf(topic).map(({ start, end }, partition) => ({ partition, low: start, high: end })),
    );
  }

  firstSince(topic: string, appendedAtMs: number): Promise<ReadonlyMap<number, bigint>> {
    const first = ({ records, end }: { records: LogRecord[]; end: bigint }): bigint =>
      records.find((record) => record.appendedAtMs >= appendedAtMs)?.offset ?? end;
    return Promise.resolve(new Map(this.partitionsOf(topic).map((log, partition) => [partition, first(log)])));
  }

  send(topic: string, records: readonly Outgoing[]): Promise<void> {
    for (const { key, value } of records) {
      this.append(topic, 0, { key: key === null ? null : key.toString(), value, appendedAtMs: this.nowMs });
    }
    return Promise.resolve();
  }

  consumer(group: string, topics: readonly string[], batchMax = 3): MemoryConsumer {
    return new MemoryConsumer(this, group, topics, batchMax);
  }
}

/** The only member of its group: owns every partition, and goes on where the last member committed. */
export class MemoryConsumer implements GroupConsumer {
  #handlers: ConsumerHandlers | null = null;
  #stopped = false;
  readonly #next = new Map<string, bigint>();

  constructor(
    private readonly log: MemoryLog,
    private readonly group: string,
    private readonly topics: readonly string[],
    private readonly batchMax: number,
  ) {}

  async start(handlers: ConsumerHandlers): Promise<void> {
    this.#handlers = handlers;
    const assigned = this.topics.flatMap((topic) =>
      this.log.partitionsOf(topic).map(({ start }, partition) => {
        const committed = this.log.committed.get(`${this.group} ${topic} ${partition}`) ?? null;
        const from = committed?.nextOffset ?? 0n;
        this.#next.set(`${topic} ${partition}`, from > start ? from : start);
        return { topic, partition, startOffset: start, committed };
      }),
    );
    await handlers.moved();
    await handlers.assigned(assigned);
  }

  async commit(commits: readonly Commit[]): Promise<void> {
    await Promise.resolve();
    if (this.#stopped) throw new BacktrailError('KAFKA_GROUP_MOVED', 'not a member any more');
    this.log.onCommit('before');
    for (const { topic, partition, nextOffset, metadata } of commits) {
      this.log.committed.set(`${this.group} ${topic} ${partition}`, { nextOffset, metadata });
    }
    this.log.onCommit('after');
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return Promise.resolve();
  }

  /** Gives one batch of one partition. False when there is nothing. Rejects with what the handler rejects with. */
  async deliver(topic: string, partition: number): Promise<boolean> {
    const key = `${topic} ${partition}`;
    const from = this.#next.get(key);
    const log = this.log.partitionsOf(topic)[partition];
    if (this.#stopped || this.#handlers === null || from === undefined || log === undefined || from >= log.end)
      return false;
    const records = log.records.filter((record) => record.offset >= from).slice(0, this.batchMax);
    const last = records.at(-1);
    const nextOffset = last === undefined ? log.end : last.offset + 1n;
    const batch: Batch = { topic, partition, startOffset: from, records, nextOffset, endOffset: log.end };
    await this.#handlers.batch(batch, new AbortController().signal);
    this.#next.set(key, nextOffset);
    return true;
  }

  /** Gives everything there is, a batch of each partition in turn. */
  async drain(): Promise<void> {
    for (let more = true; more;) {
      more = false;
      for (const topic of this.topics) {
        for (let partition = 0; partition < this.log.partitionsOf(topic).length; partition += 1) {
          more = (await this.deliver(topic, partition)) || more;
        }
      }
    }
  }
}
