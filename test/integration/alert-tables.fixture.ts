import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import { now } from '../../services/shared/clock.js';

const ID = 'a1'.repeat(32);
const MINUTE_MS = 60_000;

/** A row of everything that has to do with alerts, so that each of its views has one. */
export async function insertAlert(database: Pick<ClickHouse, 'insert'>, raisedAtMs: number): Promise<void> {
  const of = { model_id: 'alerted', release: 'v2', alert_id: ID, kind: 'SETTLED_ON_FLAGGED', subject: 'p1' };
  const firing = { state: 'firing', changed_at: raisedAtMs };
  await database.insert('alert_rows', [
    {
      ...of,
      raised_at: raisedAtMs,
      retroactive: true,
      late: false,
      severity: 'high',
      states: [firing, { state: 'resolved', changed_at: raisedAtMs + MINUTE_MS }],
      void: false,
      version: 1,
    },
  ]);
  const message = { alert_id: ID, partition: 0, offset: '0', ...firing, appended_at: raisedAtMs };
  await database.insert('alert_message_rows', [message]);
  const delivery = { outcome: 'delivered', notification_id: 'n', attempts: 1, reason: '', decided_at: raisedAtMs };
  await database.insert('alert_delivery_rows', [{ receiver: 'pager', ...of, ...firing, ...delivery }]);
  const progress = { written_until: raisedAtMs, silences_until: raisedAtMs, updated_at: raisedAtMs };
  await database.insert('alert_receiver_rows', [{ receiver: 'pager', ...progress }]);
  const said = { who: 'eve', why: 'mine', handled_at: raisedAtMs };
  await database.insert('alert_ack_rows', [{ alert_id: ID, action: 'ack', ...said }]);
  const silence = { silence_id: 's1', model_id: 'alerted', release: 'v2', kind: null, severity: null, ...said };
  await database.insert('alert_silence_rows', [
    { ...silence, action: 'silence', until: now() + MINUTE_MS },
    { ...silence, action: 'unsilence', until: raisedAtMs + 1, handled_at: raisedAtMs + 1 },
  ]);
}
