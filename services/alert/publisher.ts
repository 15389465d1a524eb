import { topicName } from '../../schemas/topics.js';
import type { AlertRecord } from '../../schemas/types.generated.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { listed } from '../shared/clickhouse/conditions.js';
import { now } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import type { AlertState } from '../shared/core/alert-ledger.js';
import { MICROS_PER_MS } from '../shared/core/time.js';
import { withAdmin } from '../shared/kafka/admin.js';
import type { KafkaSettings } from '../shared/kafka/client.js';
import { valueDecoder } from '../shared/kafka/decode.js';
import { registeredIds } from '../shared/kafka/deploy-subjects.js';
import { valueEncoder, type ValueEncoder } from '../shared/kafka/encode.js';
import { partitionOf } from '../shared/kafka/partitioner.js';
import { schemaSource } from '../shared/kafka/registry.js';
import { scanLog, type LogSpan } from '../shared/kafka/scan.js';
import { openSoleProducer, type SoleProducer } from '../shared/kafka/transactions.js';
import type { LogRecord } from '../shared/runtime/ports.js';
import { messagesFor } from './messages.js';
import { ALERT_COLUMNS, storedAlert, type AlertRow, type StoredAlert } from './rows.js';

/**
 * Sends every state of every alert to the topic, each once, whatever crashes in between.
 *
 *   take the place of whoever sent before  ─▶ read what the topic holds beyond what is written down ─▶ write it down
 *   rows ─▶ what is missing of them ─▶ one transaction ─▶ write it down
 *
 * Only one producer has the place: what an older one sends after it lost it, the broker refuses. So what the topic holds
 * is known exactly whenever the place is taken, and whoever fails while sending takes it anew, and looks.
 */
export class Publisher {
  readonly #topic: string;
  #producer: SoleProducer | null = null;
  #encoder: ValueEncoder<AlertRecord> | null = null;
  #partitions = 0;

  constructor(
    private readonly config: Config,
    private readonly settings: KafkaSettings,
    private readonly database: Pick<ClickHouse, 'select' | 'insert'>,
  ) {
    this.#topic = topicName('alerts', config.kafka.topicPrefix);
  }

  get hasPlace(): boolean {
    return this.#producer !== null;
  }

  /** Sends what is missing of these, or of all when the place has to be taken first. Returns the number of messages. */
  async publish(rows: readonly AlertRow[]): Promise<number> {
    if (this.#producer === null) {
      await this.#takePlace();
      return this.#sendUnsent();
    }
    if (rows.length === 0) return 0;
    return this.#send(await this.#withSent(rows));
  }

  /** Gives the place up. */
  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.close();
  }

  async #takePlace(): Promise<void> {
    const { kafka, registry } = this.config;
    const ids = await registeredIds(registry, { prefix: kafka.topicPrefix });
    this.#encoder = valueEncoder('alerts', ids.alerts);
    const producer = await openSoleProducer(this.settings, `${kafka.topicPrefix}backtrail.alert`);
    try {
      await this.#readBack();
    } catch (error) {
      await producer.close().catch(() => undefined);
      throw error;
    }
    this.#producer = producer;
  }

  /** Writes down what the topic holds beyond what is written down already. */
  async #readBack(): Promise<void> {
    const offsets = await withAdmin(this.settings, (admin) => admin.fetchTopicOffsets(this.#topic));
    this.#partitions = offsets.length;
    const rows = await this.database.select<{ partition: number; next: string }>(
      'SELECT partition, toString(max(offset) + 1) AS next FROM alert_message_rows GROUP BY partition',
    );
    const written = new Map(rows.map(({ partition, next }) => [partition, BigInt(next)]));
    for (const { partition, low, high } of offsets) {
      const next = written.get(partition) ?? 0n;
      const from = next > BigInt(low) ? next : BigInt(low);
      for (let at = from; at < BigInt(high); at += READ_BACK_OFFSETS) {
        const end = at + READ_BACK_OFFSETS < BigInt(high) ? at + READ_BACK_OFFSETS : BigInt(high);
        await this.#readBackSpan({ topic: this.#topic, partition, from: at, to: end });
      }
    }
  }

  async #readBackSpan(span: LogSpan): Promise<void> {
    const records: LogRecord[] = [];
    await scanLog(this.settings, span, (record) => {
      records.push(record);
      return 'more';
    });
    const decoder = valueDecoder('alerts', schemaSource(this.config.registry));
    await decoder.prepare(records.map(({ value }) => value));
    const { partition } = span;
    const found = records.flatMap(({ offset, appendedAtMs, value }) => {
      const decoded = decoder.decode(value);
      return 'ok' in decoded ? [messageRow(decoded.ok, { partition, offset, appendedAtMs })] : [];
    });
    await this.database.insert('alert_message_rows', found);
  }

  async #send(alerts: readonly { readonly row: AlertRow; readonly sent: readonly AlertState[] }[]): Promise<number> {
    const [producer, encoder] = [this.#producer, this.#encoder];
    const messages = alerts.flatMap(({ row, sent }) => messagesFor(row, sent));
    if (messages.length === 0 || producer === null || encoder === null) return 0;
    const outgoing = messages.map((message) => ({
      key: message.alert_id,
      value: encoder.encode(message),
      partition: partitionOf(message.alert_id, this.#partitions),
    }));
    try {
      const places = await producer.send(this.#topic, outgoing);
      const rows = messages.map((message, i) => {
        const { offset = 0n, appendedAtMs = null } = places[i] ?? {};
        const partition = outgoing[i]?.partition ?? 0;
        return messageRow(message, { partition, offset, appendedAtMs: appendedAtMs ?? now() });
      });
      await this.database.insert('alert_message_rows', rows);
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
    return messages.length;
  }

  async #withSent(rows: readonly AlertRow[]) {
    const ids = listed(
      'ids',
      rows.map(({ alertId }) => alertId),
    );
    const sent = await this.database.select<{ alert_id: string; sent: SentStates }>(
      `SELECT alert_id, ${SENT} AS sent FROM alert_messages WHERE alert_id IN ${ids.sql} GROUP BY alert_id`,
      ids.params,
    );
    const byId = new Map(sent.map((one) => [one.alert_id, toStates(one.sent)]));
    return rows.map((row) => ({ row, sent: byId.get(row.alertId) ?? [] }));
  }

  /** What was written by whoever led before, and not sent; in pages, as it may be much. */
  async #sendUnsent(): Promise<number> {
    let sent = 0;
    for (let after = '', more = true; more;) {
      const unsent = await this.#unsent(after);
      sent += await this.#send(unsent);
      after = unsent.at(-1)?.row.alertId ?? '';
      more = unsent.length === UNSENT_MAX;
    }
    return sent;
  }

  async #unsent(after: string) {
    const rows = await this.database.select<StoredAlert & { sent: SentStates }>(
      `SELECT ${ALERT_COLUMNS}, sent FROM alert_rows FINAL
       LEFT JOIN (SELECT alert_id, ${SENT} AS sent FROM alert_messages GROUP BY alert_id) AS m USING alert_id
       WHERE (NOT hasAll(sent, told) OR if(empty(told), notEmpty(sent) AND sent[-1].1 = 'firing', sent[-1] != told[-1]))
         AND alert_id > {after:String}
       ORDER BY alert_id LIMIT ${UNSENT_MAX}`,
      { after },
    );
    return rows.map((row) => ({ row: storedAlert(row), sent: toStates(row.sent) }));
  }
}

/** Messages that are read back at once, and alerts that are sent at once. */
const READ_BACK_OFFSETS = 20_000n;
const UNSENT_MAX = 5_000;

type SentStates = readonly (readonly [AlertState['state'], string])[];

/** In the order of the topic: all messages of an alert are in one partition. */
const SENT = `arrayMap(m -> (m.2, m.3), arraySort(groupArray((offset, CAST(state, 'String'), toUnixTimestamp64Milli(changed_at)))))`;

function toStates(sent: SentStates): AlertState[] {
  return sent.map(([state, atMs]) => ({ state, atMs: Number(atMs) }));
}

function messageRow(
  { alert_id, state, changed_at }: AlertRecord,
  place: { readonly partition: number; readonly offset: bigint; readonly appendedAtMs: number },
): object {
  const { partition, offset, appendedAtMs } = place;
  return {
    alert_id,
    partition,
    offset: offset.toString(),
    state,
    changed_at: Math.floor(changed_at / MICROS_PER_MS),
    appended_at: appendedAtMs,
  };
}
