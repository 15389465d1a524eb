import { topicName } from '../../../schemas/topics.js';
import type { AlertRecord } from '../../../schemas/types.generated.js';
import { elapsedMs, now, sleep } from '../../../services/shared/clock.js';
import type { Config } from '../../../services/shared/config.js';
import type { AlertState } from '../../../services/shared/core/alert-ledger.js';
import { valueDecoder, type ValueDecoder } from '../../../services/shared/kafka/decode.js';
import { groupConsumer } from '../../../services/shared/kafka/group-consumer.js';
import { schemaSource } from '../../../services/shared/kafka/registry.js';
import type { Batch, GroupConsumer } from '../../../services/shared/runtime/ports.js';

const LOOK_EVERY_MS = 50;

/** Reads the alerts topic as anybody would, and keeps when each alert about a payment came, and how often. */
export class AlertsTopic {
  readonly #decoder: ValueDecoder<AlertRecord>;
  readonly #consumer: GroupConsumer;
  readonly #came = new Map<string, number>();
  readonly #states = new Set<string>();
  #repeated = 0;
  #failure: Error | null = null;

  private constructor(
    { kafka, registry }: Config,
    private readonly ending: AbortSignal,
  ) {
    this.#decoder = valueDecoder('alerts', schemaSource(registry));
    this.#consumer = groupConsumer(kafka, {
      groupId: `${kafka.topicPrefix}bench.alerts`,
      topics: [topicName('alerts', kafka.topicPrefix)],
      throwAway: true,
    });
  }

  static async open(config: Config, ending: AbortSignal): Promise<AlertsTopic> {
    const topic = new AlertsTopic(config, ending);
    await topic.#consumer.start({
      moved: () => Promise.resolve(),
      assigned: () => Promise.resolve(),
      batch: (batch) => topic.#read(batch),
      crashed: (error) => {
        topic.#failure = error;
      },
    });
    return topic;
  }

  /** States of alerts that the topic holds more than once. */
  get repeated(): number {
    return this.#repeated;
  }

  /** When the state of the alert about a payment was read first, by our clock; undefined if it was not. */
  cameMs(payment: string, state: AlertState['state']): number | undefined {
    return this.#came.get(`${payment} ${state}`);
  }

  /** Resolves when all are there, or none of them has come for so long. Returns how many are there. */
  async until(payments: readonly string[], state: AlertState['state'], quietMaxMs: number): Promise<number> {
    let [before, movedMs] = [0, elapsedMs()];
    for (;;) {
      this.ending.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      const there = payments.filter((payment) => this.cameMs(payment, state) !== undefined).length;
      if (there > before) [before, movedMs] = [there, elapsedMs()];
      if (there === payments.length || elapsedMs() - movedMs > quietMaxMs) return there;
      await sleep(LOOK_EVERY_MS);
    }
  }

  close(): Promise<void> {
    return this.#consumer.stop();
  }

  async #read({ records }: Batch): Promise<void> {
    const cameMs = now();
    await this.#decoder.prepare(records.map(({ value }) => value));
    for (const { value } of records) {
      const decoded = this.#decoder.decode(value);
      if (!('ok' in decoded) || decoded.ok.kind !== 'SETTLED_ON_FLAGGED') continue;
      const { alert_id: id, subject, state, changed_at: changedAt } = decoded.ok;
      const key = `${subject} ${state}`;
      if (!this.#came.has(key)) this.#came.set(key, cameMs);
      const size = this.#states.size;
      if (this.#states.add(`${id} ${state} ${changedAt}`).size === size) this.#repeated += 1;
    }
  }
}
