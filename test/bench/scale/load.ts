import { keyOf, topicName, type TopicRecord } from '../../../schemas/topics.js';
import type { Config } from '../../../services/shared/config.js';
import type { Stream } from '../../../services/shared/core/record.js';
import { deploySubjects } from '../../../services/shared/kafka/deploy-subjects.js';
import { valueEncoder } from '../../../services/shared/kafka/encode.js';
import { createProducer, type BatchProducer } from '../../../services/shared/kafka/producer.js';
import { agentsOf, GROUP, inferenceOf, paymentsOf, proofsOf, type Network } from './network.js';

/** What is held in memory at once, whatever the volume: this many inferences and what hangs on them. */
const SLICE = 10_000;

/** Sends records of the network to the topics of a stage, slice by slice, and counts them. */
export class Loader {
  readonly sent: Record<Stream, number> = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
  #valueBytes = 0;

  private constructor(
    private readonly prefix: string,
    private readonly producer: BatchProducer,
    private readonly ids: Awaited<ReturnType<typeof deploySubjects>>,
    private readonly ending: AbortSignal,
  ) {}

  /** Sends nothing more once the signal aborts, and throws. */
  static async open({ kafka, registry }: Config, ending: AbortSignal): Promise<Loader> {
    const ids = await deploySubjects(registry, { prefix: kafka.topicPrefix });
    return new Loader(kafka.topicPrefix, await createProducer(kafka), ids, ending);
  }

  /** Mean size of the value of an inference record. */
  get valueBytes(): number {
    return this.#valueBytes / Math.max(this.sent.inferences, 1);
  }

  async send<S extends Stream>(stream: S, records: readonly TopicRecord[S][]): Promise<void> {
    this.ending.throwIfAborted();
    if (records.length === 0) return;
    const encoder = valueEncoder(stream, this.ids[stream]);
    const outgoing = records.map((record) => ({ key: keyOf(stream, record), value: encoder.encode(record) }));
    if (stream === 'inferences') for (const { value } of outgoing) this.#valueBytes += value.length;
    await this.producer.send(topicName(stream, this.prefix), outgoing);
    this.sent[stream] += records.length;
  }

  /** Inferences `from` to `to` with their proofs, payments and agents. Both are multiples of a group. */
  async load(network: Network, from: number, to: number): Promise<void> {
    for (let start = from; start < to; start += SLICE) {
      const indexes = Array.from({ length: Math.min(SLICE, to - start) }, (_, i) => start + i);
      await this.send(
        'inferences',
        indexes.map((i) => inferenceOf(i, network)),
      );
      await this.send(
        'proofs',
        indexes.flatMap((i) => proofsOf(i, network)),
      );
      const groups = indexes.filter((i) => i % GROUP === 0).map((i) => i / GROUP);
      await this.send(
        'payments',
        groups.flatMap((group) => paymentsOf(group, network)),
      );
      await this.send(
        'agents',
        indexes.flatMap((i) => agentsOf(i, network)),
      );
    }
  }

  close(): Promise<void> {
    return this.producer.close();
  }
}
