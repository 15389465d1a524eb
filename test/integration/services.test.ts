import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { AgentRecord } from '../../schemas/types.generated.js';
import { clickHouseStore } from '../../services/shared/clickhouse/store.js';
import { inferenceHistory, proofHistory } from '../../services/shared/core/histories.js';
import { paymentHistory } from '../../services/shared/core/payment-history.js';
import { ReleaseLog } from '../../services/shared/core/release-log.js';
import {
  inferenceRecord,
  paymentRecord,
  proofRecord,
  releaseRecord,
  START_MICROS,
  traffic,
} from '../unit/runtime/records.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

let network: TestNetwork;

beforeEach(async () => {
  network = await TestNetwork.create();
});
afterEach(async () => {
  await network.close();
});

const SECOND_MICROS = 1_000_000;
// Records are appended when the test runs, and may not lie further ahead than a day.
const T = START_MICROS;
const AGENT: AgentRecord = {
  event_id: 'change',
  occurred_at: T,
  source: 'test',
  source_ref: null,
  agent_id: 'a0',
  change_id: 'c0',
  action: 'CHANGED',
  kind: 'PROMPT',
  model_id: null,
  before_digest: null,
  after_digest: null,
  caused_by: ['i0'],
  upstream_agent_ids: [],
  reverts_change_id: null,
};
const INFERENCES = Array.from({ length: 60 }, (_, i) =>
  inferenceRecord(`i${i}`, {
    occurred_at: T + i * SECOND_MICROS,
    session_id: `s${i % 3}`,
    cost: String(i),
    agent_id: 'a0',
  }),
);
const PROOFS = INFERENCES.flatMap(({ inference_id: id }, i) => [
  proofRecord(`submitted ${i}`, id, { proof_id: `p${i}`, state: 'SUBMITTED', occurred_at: T + i }),
  proofRecord(`verified ${i}`, id, { proof_id: `p${i}`, occurred_at: T + i + SECOND_MICROS, leaf_index: i }),
]);
const PAYMENTS = [
  ...[0, 1, 2].map((i) => paymentRecord(`session ${i}`, { session_id: `s${i}`, amount: (2n ** 256n - 1n).toString() })),
  paymentRecord('allocated', {
    allocations: [
      { inference_id: 'i1', amount: '30' },
      { inference_id: 'i9', amount: null },
    ],
  }),
];

/** Rows as the core says, from the facts that are there. */
async function expectRowsOfTheCore(): Promise<void> {
  const store = clickHouseStore(network.database, 10_000);
  const releases = ReleaseLog.of(await store.facts('releases', { kind: 'ids', ids: ['m'] }));
  const facts = await store.facts('inferences', { kind: 'ids', ids: INFERENCES.map((record) => record.inference_id) });
  const newestFirst = [...facts].sort((a, b) => Number(b.position.offset - a.position.offset));
  const inferences = [...new Map(newestFirst.map((fact) => [fact.record.inference_id, fact])).values()];

  const rows = await network.select(
    `SELECT inference_id, status, release, phase, toUnixTimestamp64Milli(known_at) AS known_at,
            length(earlier) AS revisions FROM inference_rows FINAL
     WHERE (partition, offset) IN (SELECT partition, offset FROM inferences) ORDER BY inference_id`,
  );
  const wanted = inferences
    .map((fact) => {
      const history = inferenceHistory(fact, releases.model('m'));
      const last = history.at(-1);
      return {
        inference_id: fact.record.inference_id,
        status: last?.value.status,
        release: last?.value.release,
        phase: last?.value.phase,
        known_at: String(last?.knownAtMs),
        revisions: String(history.length - 1),
      };
    })
    .sort((a, b) => (a.inference_id < b.inference_id ? -1 : 1));
  expect(rows).toEqual(wanted);

  for (const id of ['i0', 'i31']) {
    const proofs = await store.facts('proofs', { kind: 'ids', ids: [id] });
    const [row] = await network.select(`SELECT state, path FROM proofs WHERE inference_id = '${id}'`);
    const { state, path } = proofHistory(proofs).at(-1)?.value ?? {};
    expect(row).toEqual({ state, path });
  }
  for (const id of ['session 1', 'allocated']) {
    const payments = await store.facts('payments', { kind: 'ids', ids: [id] });
    const split = paymentHistory(
      payments,
      inferences.filter(({ record }) =>
        id === 'allocated' ? ['i1', 'i9'].includes(record.inference_id) : record.session_id === 's1',
      ),
    ).newest;
    const [row] = await network.select<{ parts: unknown; unlinked: string }>(
      `SELECT arrayMap(p -> (p.inference_id, toString(p.amount)), parts) AS parts, unlinked
       FROM payments WHERE payment_id = '${id}'`,
    );
    expect(row?.parts).toEqual(split.parts.map((part) => [part.inferenceId, part.amount.toString()]));
    expect(row?.unlinked).toBe('0');
  }
}

describe('the five services', () => {
  it('apply five topics with garbage, duplicates and a restart in the middle, and the rows are those of the core', async () => {
    await network.send('releases', [traffic('r1', T, { v1: 10_000 })]);
    await network.send('payments', PAYMENTS);
    await network.send('inferences', INFERENCES.slice(0, 30));
    const all = ['releases', 'inferences', 'proofs', 'payments', 'agents'] as const;
    const first = await network.start(...all);
    await network.sendRaw('inferences', [
      { key: 'i0', value: Buffer.from('garbage') },
      { key: 'i0', value: network.encode('inferences', inferenceRecord('too old', { occurred_at: 0 })) },
    ]);
    await network.send('inferences', INFERENCES.slice(20, 40));
    await network.send('proofs', PROOFS);
    await network.send('agents', [AGENT, AGENT]);
    await Promise.all(first.map((service) => service.stop()));

    await network.send('releases', [
      traffic('r2', T + 10 * SECOND_MICROS, { v2: 10_000 }),
      releaseRecord({ event_id: 'r3', action: 'PUBLISHED', release: 'v2', occurred_at: T }),
    ]);
    await network.send('inferences', INFERENCES.slice(40));
    await network.start(...all);
    await network.applied({ releases: 3, inferences: 72, proofs: 120, payments: 4, agents: 2 });
    await waitUntil('every payment has its inferences', async () => {
      const [row] = await network.select<{ n: string }>('SELECT sum(length(parts)) AS n FROM payments');
      return Number(row?.n) === 62;
    });

    await expectRowsOfTheCore();
    expect(await network.count('SELECT * FROM inferences')).toBe(60);
    expect(await network.count('SELECT * FROM inference_records')).toBe(60);
    expect(await network.count('SELECT * FROM agent_changes')).toBe(1);
    const letters = await network.select('SELECT code FROM dead_letters ORDER BY code');
    expect(letters).toEqual([{ code: 'INVALID_TIME' }, { code: 'UNKNOWN_MAGIC' }]);
  });

  it('account for every offset: fact, dead letter or gap (L5)', async () => {
    await network.start('inferences');
    await network.send('inferences', INFERENCES);
    await network.sendRaw('inferences', [{ key: 'x', value: null }]);
    await network.send('inferences', INFERENCES.slice(0, 5));
    await network.applied({ inferences: 66 });
    const [row] = await network.select(
      `SELECT (SELECT uniqExact(partition, offset) FROM inference_rows) AS facts,
              (SELECT count() FROM dead_letters) AS letters, (SELECT sum(next_offset) FROM progress) AS next`,
    );
    expect(row).toEqual({ facts: '65', letters: '1', next: '66' });
  });

  it('say that they are ready only when they are, and how they do', async () => {
    const [service] = await network.start('proofs');
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`http://127.0.0.1:${service?.port ?? 0}${path}`);
      return [response.status, await response.text()];
    };
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([200, 'ready\n']);
    await network.send('proofs', PROOFS.slice(0, 3));
    await network.applied({ proofs: 3 });
    const [status, text] = await get('/metrics');
    expect(status).toBe(200);
    expect(text).toMatch(/backtrail_applied_records_total\{.*fate="fact".*\} [1-3]/);
    expect((await get('/else'))[0]).toBe(404);
  });

  it('keep ids as they are: quotes, backslashes, other scripts, nothing, 512 bytes', async () => {
    const ids = [`it's "quoted" \\ {x:String}`, '模型🙂', 'x'.repeat(512), '', ';DROP TABLE inference_rows'];
    await network.send(
      'inferences',
      ids.map((id, i) => inferenceRecord(id, { event_id: `${i} ${id.slice(0, 9)}`, session_id: id })),
    );
    await network.send(
      'payments',
      ids.map((id, i) => paymentRecord(`pay ${i}`, { session_id: id })),
    );
    await network.start('inferences', 'payments');
    await network.applied({ inferences: ids.length, payments: ids.length });
    await waitUntil(
      'all are linked',
      async () => (await network.count('SELECT * FROM payments WHERE length(parts) = 1')) === 5,
    );
    const rows = await network.select<{ inference_id: string }>('SELECT inference_id FROM inferences');
    expect(rows.map((row) => row.inference_id).toSorted()).toEqual(ids.toSorted());
    const store = clickHouseStore(network.database, 100);
    expect(await store.facts('inferences', { kind: 'ids', ids })).toHaveLength(ids.length);
  });

  it('write a record with other scripts, which is looked at more closely, as they write all others', async () => {
    const plain = inferenceRecord('plain', { occurred_at: T, release: 'v1', cost: '123456789012345678901234567890' });
    const other = { ...plain, event_id: 'other', inference_id: 'other', source: 'Gebläse 模型', clock_error_ms: -5 };
    await network.send('releases', [traffic('r1', T, { v1: 10_000 })]);
    await network.send('inferences', [plain, other]);
    await network.start('inferences');
    await network.applied({ inferences: 2 });
    const columns = `* EXCEPT (inference_id, event_id, partition, offset, appended_at, known_at, key, source, clock_error_ms)`;
    const rows = await network.select(`SELECT ${columns} FROM inference_rows FINAL ORDER BY inference_id`);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(rows[1]);
    expect(rows[0]).toMatchObject({ cost: plain.cost, release: 'v1', phase: 'active', activation: 1, earlier: [] });
    const said = await network.select('SELECT key, source, clock_error_ms AS error FROM inference_rows ORDER BY key');
    expect(said).toEqual([
      { key: 'other', source: 'Gebläse 模型', error: -5 },
      { key: 'plain', source: 'test', error: null },
    ]);
  });

  it('stop with a sentence when the tables are not there', async () => {
    await network.database.command('DROP TABLE inference_rows');
    await network.send('inferences', INFERENCES.slice(0, 1));
    const [service] = await network.start('inferences');
    await expect(service?.ended).rejects.toMatchObject({ code: 'CLICKHOUSE_NOT_MIGRATED' });
  });
});
