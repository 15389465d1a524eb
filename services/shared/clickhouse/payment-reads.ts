import type { PaymentFact } from '../core/record.js';
import type { LinkedRecord, PaymentReads } from '../runtime/payment-reads.js';
import type { Span } from '../runtime/settler.js';
import { positionOf } from '../runtime/subjects.js';
import type { ClickHouse } from './client.js';
import { listed, within } from './conditions.js';
import { factColumns, toFact, type FactRow } from './fact-rows.js';

type Database = Pick<ClickHouse, 'select'>;

/** One filter in a hundred says yes to a name it does not hold: with more names than this nearly every one says yes to some. */
const BLOOM_NAMES_MAX = 200;

interface LinkedRow {
  readonly inference_id: string;
  readonly session_id: string | null;
  readonly model_id: string;
  readonly occurred_micros: string;
  readonly cost: string | null;
  readonly event_id: string;
  readonly key: string;
  readonly partition: number;
  readonly offset: string;
  readonly appended_ms: string;
}

interface CopyRow {
  readonly partition: number;
  readonly offset: string;
  readonly counts: boolean;
  readonly copies: number;
}

export function clickHousePaymentReads(database: Database): PaymentReads {
  return {
    async records({ ids, written = [] }) {
      const found = new Map(written.map((fact) => [positionOf(fact), fact]));
      const asked = new Set<string>();
      let open = [...new Set([...ids, ...written.map(({ record }) => record.payment_id)])];
      while (open.length > 0) {
        for (const id of open) asked.add(id);
        const fresh = await recordsOf(database, open, asked.size === open.length ? written : []);
        for (const fact of fresh) found.set(positionOf(fact), fact);
        // Copies of one event under different ids are rare; then all of those ids is looked at.
        open = await strangers(database, [...found.values()], asked);
      }
      return [...found.values()];
    },

    async inferences({ ids, sessions }) {
      const [byId, bySession] = await Promise.all([
        linkedRows(database, 'inference_id', ids),
        linkedRows(database, 'session_id', sessions),
      ]);
      const rows = new Map([...byId, ...bySession].map((row) => [`${row.partition} ${row.offset}`, row]));
      const copies = await copiesAt(database, [...rows.keys()]);
      return [...rows].map(([position, row]) => toLinked(row, copies.get(position)));
    },

    async settledInferences(topic) {
      const rows = await database.select<{ partition: number; next: string; complete: string }>(
        `SELECT partition, next_offset AS next, toUnixTimestamp64Milli(complete_until) AS complete FROM progress_rows FINAL
         WHERE service = 'inference' AND topic = {topic:String}`,
        { topic },
      );
      return rows.map(({ partition, next, complete }) => {
        return { partition, nextOffset: BigInt(next), completeUntilMs: Number(complete) };
      });
    },

    async naming(spans, { partitions, after, limit }) {
      const rows = await database.select<{ payment_id: string }>(
        `SELECT DISTINCT payment_id FROM payment_refs
         WHERE partition IN {partitions:Array(UInt32)} AND payment_id > {after:String} AND ref IN (
           ${await namesIn(database, spans)})
         ORDER BY payment_id LIMIT {limit:UInt32}`,
        { partitions, after, limit },
      );
      return rows.map((row) => row.payment_id);
    },

    async waiting() {
      const [row] = await database.select<{ payments: string; since_ms: string }>(
        'SELECT count() AS payments, toUnixTimestamp64Milli(min(since)) AS since_ms FROM waiting_payments',
      );
      const payments = Number(row?.payments ?? 0);
      return { payments, sinceMs: payments === 0 ? null : Number(row?.since_ms) };
    },

    async waitingInVain(limit) {
      const rows = await database.select<{ payment_id: string }>(
        `SELECT payment_id, min(since) AS oldest FROM (
           SELECT payment_id, since FROM waiting_payments ARRAY JOIN inference_ids AS id
           WHERE id IN (${thatCount('inference_id', 'SELECT arrayJoin(inference_ids) FROM waiting_payments')})
           UNION ALL
           SELECT payment_id, since FROM waiting_payments
           WHERE session_id IN (${thatCount('session_id', 'SELECT session_id FROM waiting_payments WHERE session_id IS NOT NULL')}))
         GROUP BY payment_id ORDER BY oldest, payment_id LIMIT {limit:UInt32}`,
        { limit },
      );
      return rows.map((row) => row.payment_id);
    },
  };
}

async function recordsOf(
  database: Database,
  ids: readonly string[],
  written: readonly PaymentFact[],
): Promise<PaymentFact[]> {
  const named = listed('id', ids);
  const unread = written.length === 0 ? '' : `AND NOT (${within(spansOf(written))})`;
  const rows = await database.select<FactRow>(
    `SELECT ${factColumns('payments', 'table')} FROM payment_facts
     WHERE payment_id IN ${named.sql} ${unread}
     LIMIT 1 BY partition, offset`,
    named.params,
  );
  return rows.map((row) => toFact('payments', row));
}

/** Other payments that have a copy of an event of these. */
async function strangers(
  database: Database,
  facts: readonly PaymentFact[],
  known: ReadonlySet<string>,
): Promise<string[]> {
  const events = listed('event', [...new Set(facts.map(({ record }) => record.event_id))]);
  const payments = listed('known', [...known]);
  const rows = await database.select<{ payment_id: string }>(
    `SELECT DISTINCT payment_id FROM payment_facts
     WHERE event_hash IN (SELECT cityHash64(event) FROM (SELECT arrayJoin(${events.array}) AS event))
       AND event_id IN ${events.sql} AND payment_id NOT IN ${payments.sql}`,
    { ...events.params, ...payments.params },
  );
  return rows.map((row) => row.payment_id);
}

async function linkedRows(
  database: Database,
  column: 'inference_id' | 'session_id',
  names: readonly string[],
): Promise<LinkedRow[]> {
  if (names.length === 0) return [];
  const { sql, params } = listed('name', names);
  return database.select<LinkedRow>(
    `SELECT inference_id, session_id, model_id, toUnixTimestamp64Micro(occurred_at) AS occurred_micros, cost, event_id, key,
       partition, offset, toUnixTimestamp64Milli(appended_at) AS appended_ms
     FROM inference_rows WHERE ${column} IN ${sql} LIMIT 1 BY partition, offset
     ${names.length > BLOOM_NAMES_MAX ? 'SETTINGS use_skip_indexes = 0' : ''}`,
    params,
  );
}

/** What is known of copies among the inference records at some positions: of most of them nothing. */
async function copiesAt(database: Database, positions: readonly string[]): Promise<ReadonlyMap<string, CopyRow>> {
  if (positions.length === 0) return new Map();
  const { array, params } = listed('position', positions);
  const rows = await database.select<CopyRow>(
    `SELECT partition, offset, counts, copies FROM copy_rows FINAL
     WHERE stream = 'inferences' AND (partition, offset) IN (
       SELECT toUInt32(splitByChar(' ', place)[1]), toUInt64(splitByChar(' ', place)[2])
       FROM (SELECT arrayJoin(${array}) AS place))`,
    params,
  );
  return new Map(rows.map((row) => [`${row.partition} ${row.offset}`, row]));
}

function toLinked(row: LinkedRow, copy: CopyRow | undefined): LinkedRecord {
  const { partition, offset, appended_ms: appended, occurred_micros: occurred, key, ...fields } = row;
  return {
    fact: {
      record: { ...fields, occurred_at: Number(occurred) },
      key,
      position: { partition, offset: BigInt(offset), appendedAtMs: Number(appended) },
    },
    copies: copy?.copies ?? 0,
    counts: copy?.counts ?? true,
  };
}

/** Ids and sessions of the inferences in the spans, and of those whose first record they can have changed. */
async function namesIn(database: Database, spans: readonly Span[]): Promise<string> {
  const names = "SELECT arrayJoin([inference_id, ifNull(session_id, '')]) FROM inference_rows";
  const copies = `SELECT event_id FROM copy_rows WHERE stream = 'inferences' AND (${within(spans)})`;
  const [shared] = await database.select<{ n: string }>(`SELECT count() AS n FROM (${copies})`);
  const own = `${names} WHERE ${within(spans)}`;
  if (Number(shared?.n ?? 0) === 0) return own;
  // A record that counts no more may have been the first of another inference.
  const subjects = `SELECT subject_id FROM copy_rows WHERE stream = 'inferences' AND event_id IN (${copies})`;
  return `${own} UNION ALL ${names} WHERE inference_id IN (${subjects})`;
}

/** Ids or sessions among some that a record which counts has. */
function thatCount(column: 'inference_id' | 'session_id', among: string): string {
  return `SELECT ${column} FROM inference_rows WHERE ${column} IN (${among}) AND (partition, offset) NOT IN (
    SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'inferences' AND NOT counts)`;
}

/** Where some facts lie: of each partition from the first to the last. */
function spansOf(facts: readonly PaymentFact[]): Span[] {
  const spans = new Map<number, Span>();
  for (const { position } of facts) {
    const { partition, offset } = position;
    const { from = offset, to = offset + 1n } = spans.get(partition) ?? {};
    spans.set(partition, { partition, from: offset < from ? offset : from, to: offset < to ? to : offset + 1n });
  }
  return [...spans.values()];
}
