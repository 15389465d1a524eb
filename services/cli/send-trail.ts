import { keyOf, topicName } from '../../schemas/topics.js';
import type { TrailRecord } from '../demo/sending.js';
import { sleep } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import type { RecordOf, Stream } from '../shared/core/record.js';
import { createAdmin } from '../shared/kafka/admin.js';
import { registeredIds } from '../shared/kafka/deploy-subjects.js';
import { RecordInvalidError, valueEncoder, type ValueEncoder } from '../shared/kafka/encode.js';
import { createProducer, type BatchProducer, type OutgoingRecord } from '../shared/kafka/producer.js';
import { patiently, patientProducer } from '../shared/runtime/patience.js';

export const INPUT_STREAMS: readonly Stream[] = ['releases', 'inferences', 'proofs', 'payments', 'agents'];

/** What one partition of a topic got. Others may write to it, too: the span is what it got meanwhile by anybody. */
export interface PartitionSpan {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

export interface SentTopic {
  readonly stream: Stream;
  readonly topic: string;
  readonly records: number;
  /** Records that Avro cannot hold, sent as JSON text: each becomes a dead letter, and nothing is lost. */
  readonly unencodable: number;
  readonly partitions: readonly PartitionSpan[];
}

export interface SendOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (sent: number) => void;
  readonly say?: (sentence: string) => void;
}

/** So many records wait to be sent at most: some megabytes. */
const BUFFER_RECORDS = 5000;
/** Append times are milliseconds: after such a pause the next record's is greater. */
const NEXT_MILLISECOND_MS = 2;

/**
 * Sends records to their topics, those of one topic in their order, different topics side by side. What was known at what
 * time depends on which release records the log had before which others: every run of release records is sent by itself, when
 * all before it has been acknowledged and in a later millisecond. Resolves when the brokers have everything.
 */
export async function sendTrail(
  config: Config,
  records: Iterable<TrailRecord> | AsyncIterable<TrailRecord>,
  options: SendOptions,
): Promise<SentTopic[]> {
  const { topicPrefix: prefix } = config.kafka;
  const ids = await patiently(() => registeredIds(config.registry, { prefix }), options);
  const admin = await patiently(() => createAdmin(config.kafka), options);
  try {
    const before = await patiently(() => spans(admin, prefix), options);
    const producer = await patiently(() => createProducer(config.kafka, { idempotent: true }), options);
    const sender = new Sender(patientProducer(producer, options), prefix, (stream) =>
      valueEncoder(stream, ids[stream]),
    );
    try {
      for await (const record of records) {
        await sender.add(record);
        if (sender.count % 1000 === 0) options.onProgress(sender.count);
        if (options.signal.aborted) throw new Error('interrupted');
      }
      await sender.flush();
    } finally {
      await producer.close();
    }
    const after = await patiently(() => spans(admin, prefix), options);
    return INPUT_STREAMS.map((stream) => ({
      stream,
      topic: topicName(stream, prefix),
      records: sender.counts[stream],
      unencodable: sender.unencodable[stream],
      partitions: (after.get(stream) ?? []).map(([partition, to]) => {
        const from = before.get(stream)?.find(([known]) => known === partition)?.[1] ?? 0n;
        return { partition, from, to };
      }),
    }));
  } finally {
    await admin.close();
  }
}

async function spans(
  admin: Awaited<ReturnType<typeof createAdmin>>,
  prefix: string,
): Promise<Map<Stream, [partition: number, end: bigint][]>> {
  const ends = new Map<Stream, [number, bigint][]>();
  for (const stream of INPUT_STREAMS) {
    const offsets = await admin.offsets(topicName(stream, prefix));
    ends.set(
      stream,
      offsets.map(({ partition, high }) => [partition, high]),
    );
  }
  return ends;
}

class Sender {
  readonly counts: Record<Stream, number> = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
  readonly unencodable: Record<Stream, number> = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
  count = 0;
  readonly #encoders = new Map<Stream, ValueEncoder<RecordOf[Stream]>>();
  #waiting = new Map<Stream, OutgoingRecord[]>();
  #waitingCount = 0;
  #waitingReleases = false;

  constructor(
    private readonly producer: BatchProducer,
    private readonly prefix: string,
    private readonly encoderOf: (stream: Stream) => unknown,
  ) {}

  async add({ stream, record }: TrailRecord): Promise<void> {
    const isRelease = stream === 'releases';
    if (this.#waitingCount > 0 && isRelease !== this.#waitingReleases) {
      await this.flush();
      await sleep(NEXT_MILLISECOND_MS);
    } else if (this.#waitingCount >= BUFFER_RECORDS) await this.flush();
    this.#waitingReleases = isRelease;
    const list = this.#waiting.get(stream) ?? [];
    this.#waiting.set(stream, list);
    list.push({ key: keyOf(stream, record as never), value: this.#encode(stream, record) });
    this.#waitingCount += 1;
    this.counts[stream] += 1;
    this.count += 1;
  }

  async flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#waitingCount = 0;
    await Promise.all([...waiting].map(([stream, list]) => this.producer.send(topicName(stream, this.prefix), list)));
  }

  #encode(stream: Stream, record: RecordOf[Stream]): Buffer {
    let encoder = this.#encoders.get(stream);
    if (encoder === undefined) {
      encoder = this.encoderOf(stream) as ValueEncoder<RecordOf[Stream]>;
      this.#encoders.set(stream, encoder);
    }
    try {
      return encoder.encode(record);
    } catch (error) {
      if (!(error instanceof RecordInvalidError)) throw error;
      this.unencodable[stream] += 1;
      return Buffer.from(JSON.stringify(record));
    }
  }
}
