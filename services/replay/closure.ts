import { listed, within } from '../shared/clickhouse/conditions.js';
import type { ClickHouse, Params } from '../shared/clickhouse/client.js';
import type { OffsetRange } from '../shared/clickhouse/completeness.js';
import { FACT_TABLES } from '../shared/clickhouse/fact-rows.js';
import type { Stream } from '../shared/core/record.js';
import { quoted, scopeParams } from './content.js';
import type { Evidence } from './evidence.js';
import { isTime, type Scope } from './manifest.js';

/** Streams of which a scope needs a part. Of releases and agents every record may matter to it. */
export type NarrowStream = 'inferences' | 'proofs' | 'payments';

export interface Needed {
  readonly partition: number;
  readonly range: OffsetRange;
}

interface Condition {
  readonly sql: string;
  readonly params: Params;
}

/** Names some hashes: of inferences, sessions or payments. */
type SetName =
  'seed' | 'seed_sessions' | 'model' | 'model_sessions' | 'payments' | 'linked_sessions' | 'linked' | 'events';

/**
 * Finds what of the log a scope needs, by what the live tables hold of it. Only what records themselves say is asked, never what
 * was made of them, so neither another rule nor a row that is wrong leaves anything out; more than is needed does no harm.
 *
 *   seed       inferences that the scope may be about: by model, and time, or all evidence that leads to its release
 *   payments   whose records name one of these, or a session of one; of its model, or that settled while it had traffic
 *   linked     inferences that any record of these payments names: another model's too, the amount is split over all
 *   copies     every record of all these, and every record that shares an event with one of those: which counts is open
 *
 * Sets are kept as hashes of ids in a table of a scratch database: two ids of one hash only make it more.
 */
export class Closure {
  readonly #live: string;
  readonly #sets: string;

  constructor(
    private readonly database: Pick<ClickHouse, 'select' | 'command' | 'database'>,
    private readonly scratch: string,
  ) {
    this.#live = quoted(database.database);
    this.#sets = `${quoted(scratch)}.sets`;
  }

  /** Call `drop` whatever happens. */
  async prepare(): Promise<void> {
    await this.database.command(`CREATE DATABASE IF NOT EXISTS ${quoted(this.scratch)}`);
    await this.database.command(
      `CREATE TABLE IF NOT EXISTS ${this.#sets} (name LowCardinality(String), hash UInt64) ENGINE = MergeTree
       ORDER BY (name, hash)`,
    );
  }

  async drop(): Promise<void> {
    await this.database.command(`DROP DATABASE IF EXISTS ${quoted(this.scratch)} SYNC`);
  }

  /** @param evidence of the release of the scope; null where every inference of its model may be of it */
  async find(scope: Scope, evidence: Evidence | null): Promise<void> {
    const seed = seedOf(scope, evidence);
    await this.#add('seed', 'inference_hash', 'inference_rows', seed);
    await this.#add('seed_sessions', 'session_hash', 'inference_rows', this.#sessionsOf('seed'));
    await this.#findPayments(scope, evidence);
    const paid = { sql: `cityHash64(payment_id) IN ${this.#set('payments')}`, params: {} };
    await this.#add('linked_sessions', SESSION, 'payment_facts', {
      ...paid,
      sql: `${paid.sql} AND session_id IS NOT NULL`,
    });
    await this.#add('linked', 'cityHash64(a.inference_id)', 'payment_facts ARRAY JOIN allocations AS a', paid);
    await this.#add('linked', 'inference_hash', 'inference_rows', {
      sql: `session_hash IN ${this.#set('linked_sessions')} OR inference_hash IN ${this.#set('seed')}`,
      params: {},
    });
    for (const stream of NARROW) {
      await this.#add('events', 'event_hash', FACT_TABLES[stream], { sql: this.#subjects(stream), params: {} }, stream);
    }
  }

  async #findPayments(scope: Scope, evidence: Evidence | null): Promise<void> {
    await this.#addPayments('payments', 'seed', 'seed_sessions', '1');
    if (isTime(scope)) return;
    const params = { model: scope.model };
    if (evidence === null) {
      await this.#add('payments', PAYMENT, 'payment_facts', { sql: MODEL, params });
      return;
    }
    await this.#add('model', 'inference_hash', 'inference_rows', { sql: MODEL, params });
    await this.#add('model_sessions', 'session_hash', 'inference_rows', this.#sessionsOf('model'));
    const settled = settledIn(evidence);
    const meanwhile = `${PAYMENT} IN (SELECT ${PAYMENT} FROM ${this.#live}.payment_facts WHERE ${settled.sql})`;
    await this.#add('payments', PAYMENT, 'payment_facts', {
      sql: `${MODEL} AND ${meanwhile}`,
      params: { ...params, ...settled.params },
    });
    await this.#addPayments('payments', 'model', 'model_sessions', meanwhile, settled.params);
  }

  /** Payments that name an inference of one set or a session of the other. */
  async #addPayments(name: SetName, ids: SetName, sessions: SetName, sql: string, params: Params = {}): Promise<void> {
    await this.#add(name, PAYMENT, 'payment_facts ARRAY JOIN allocations AS a', {
      sql: `cityHash64(a.inference_id) IN ${this.#set(ids)} AND ${sql}`,
      params,
    });
    await this.#add(name, PAYMENT, 'payment_facts', {
      sql: `session_id IS NOT NULL AND ${SESSION} IN ${this.#set(sessions)} AND ${sql}`,
      params,
    });
  }

  /** Sessions that any record of the inferences of a set names. */
  #sessionsOf(name: SetName): Condition {
    return { sql: `inference_hash IN ${this.#set(name)} AND session_hash != 0`, params: {} };
  }

  #set(name: SetName, of = ''): string {
    return `(SELECT hash FROM ${this.#sets} WHERE name = '${name}${of}')`;
  }

  async #add(name: SetName, hash: string, from: string, { sql, params }: Condition, of = ''): Promise<void> {
    await this.database.command(
      `INSERT INTO ${this.#sets} SELECT DISTINCT '${name}${of}' AS name, ${hash} AS hash FROM ${this.#live}.${from}
       WHERE ${sql}`,
      params,
    );
  }

  /** Records about what is needed. Proofs hang on the inferences of the scope only. */
  #subjects(stream: NarrowStream): string {
    switch (stream) {
      case 'inferences':
        return `inference_hash IN ${this.#set('linked')}`;
      case 'proofs':
        return `cityHash64(inference_id) IN ${this.#set('seed')}`;
      case 'payments':
        return `${PAYMENT} IN ${this.#set('payments')}`;
    }
  }

  /** Where the records of a stream lie that are needed; stretches between them that are no longer than `through` included. */
  async needed(stream: NarrowStream, through: bigint): Promise<Needed[]> {
    return this.#ranges(
      `SELECT DISTINCT partition, offset FROM ${this.#live}.${FACT_TABLES[stream]}
       WHERE (${this.#subjects(stream)}) OR event_hash IN ${this.#set('events', stream)}`,
      { through: through.toString() },
    );
  }

  /** What was refused, as nobody knows what it says; and the last record of each partition, which the latest K comes from. */
  async always(
    stream: Stream,
    topic: string,
    spans: readonly (OffsetRange & { partition: number })[],
  ): Promise<Needed[]> {
    if (spans.length === 0) return [];
    const letters = `SELECT partition, offset FROM ${this.#live}.dead_letter_rows WHERE topic = {topic:String}`;
    return this.#ranges(
      `SELECT DISTINCT partition, offset FROM (${letters} UNION ALL
         SELECT partition, max(offset) AS offset FROM ${this.#live}.${FACT_TABLES[stream]}
         WHERE ${within(spans)} GROUP BY partition)`,
      { topic, through: '0' },
    );
  }

  async #ranges(offsets: string, params: Params): Promise<Needed[]> {
    const rows = await this.database.select<{ partition: number; first: string; next: string }>(
      `SELECT partition, min(offset) AS first, max(offset) + 1 AS next FROM (
         SELECT partition, offset, sum(begins) OVER (PARTITION BY partition ORDER BY offset
           ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stretch FROM (
           SELECT partition, offset, offset > {through:UInt64} + 1 + lagInFrame(offset, 1) OVER (
             PARTITION BY partition ORDER BY offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS begins
           FROM (${offsets})))
       GROUP BY partition, stretch ORDER BY partition, first`,
      params,
    );
    return rows.map(({ partition, first, next }) => {
      return { partition, range: { from: BigInt(first), to: BigInt(next) } };
    });
  }
}

export const NARROW: readonly NarrowStream[] = ['inferences', 'proofs', 'payments'];
const MODEL = 'model_id = {model:String}';
const PAYMENT = 'cityHash64(payment_id)';
const SESSION = 'cityHash64(assumeNotNull(session_id))';

function seedOf(scope: Scope, evidence: Evidence | null): Condition {
  const params = scopeParams(scope);
  if (evidence === null) {
    const times = [
      ...(isTime(scope) && scope.fromMicros !== undefined
        ? ['toUnixTimestamp64Micro(occurred_at) >= {from:Int64}']
        : []),
      ...(isTime(scope) && scope.toMicros !== undefined ? ['toUnixTimestamp64Micro(occurred_at) < {to:Int64}'] : []),
    ];
    return { sql: [MODEL, ...times].join(' AND '), params };
  }
  const [blobs, targets, times] = [
    listed('blob', evidence.blobIds),
    listed('target', evidence.targetIds),
    timesIn(evidence),
  ];
  return {
    sql: `${MODEL} AND (claim = {release:String} OR blob_id IN ${blobs.sql} OR target_id IN ${targets.sql} OR ${times.sql})`,
    params: { ...params, ...blobs.params, ...targets.params, ...times.params },
  };
}

function timesIn({ spans }: Evidence): Condition {
  const at = 'toUnixTimestamp64Micro(occurred_at)';
  return {
    sql: `arrayExists((a, b) -> ${at} >= a AND ${at} < b, {starts:Array(Int64)}, {stops:Array(Int64)})`,
    params: { starts: spans.map(({ from }) => from), stops: spans.map(({ to }) => to ?? Number.MAX_SAFE_INTEGER) },
  };
}

function settledIn(evidence: Evidence): Condition {
  const { sql, params } = timesIn(evidence);
  return { sql: `state = 'SETTLED' AND ${sql}`, params };
}
