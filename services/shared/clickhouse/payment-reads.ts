import type { PaymentFact } from '../core/record.js';
import type { PaymentReads } from '../runtime/payment-reads.js';
import type { Span } from '../runtime/settler.js';
import { positionOf } from '../runtime/subjects.js';
import type { ClickHouse } from './client.js';
import { listed, spansOf, within } from './conditions.js';
import { factColumns, toFact, type FactRow } from './fact-rows.js';
import { linkedInferences } from './linked-inferences.js';

type Database = Pick<ClickHouse, 'select'>;

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

    inferences: (named) => linkedInferences(database, named),

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
  const unread = written.length === 0 ? '' : `AND NOT (${within(spansOf(written.map(({ position }) => position)))})`;
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
