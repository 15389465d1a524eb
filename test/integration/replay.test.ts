import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EXIT } from '../../services/cli/exit.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import {
  inferenceRecord,
  minute,
  paymentRecord,
  proofRecord,
  releaseRecord,
  traffic,
} from '../unit/runtime/records.fixture.js';
import { correlated, Replays, type Report } from './replay.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

/** An incident in topics and live tables; then its rows are deleted, and come back from the topics. */

const COUNT = 40;
const RELEASES = [
  traffic('v1', minute(-60), { v1: 10_000 }),
  traffic('v2', minute(0), { v1: 5_000, v2: 5_000 }),
  releaseRecord({ event_id: 'back', action: 'ROLLED_BACK', release: 'v2', to: 'v1', occurred_at: minute(30) }),
  releaseRecord({ event_id: 'flag', action: 'FLAGGED', release: 'v2', flag_id: 'f', occurred_at: minute(40) }),
];
const INFERENCES = Array.from({ length: COUNT }, (_, i) =>
  inferenceRecord(`i${String(i)}`, {
    occurred_at: minute(i),
    session_id: `s${String(i % 4)}`,
    release: i % 3 === 0 ? null : i % 2 === 0 ? 'v1' : 'v2',
    model_id: i % 10 === 9 ? 'other' : 'm',
  }),
);
const PROOFS = INFERENCES.map(({ inference_id: id }, i) =>
  proofRecord(`proof ${String(i)}`, id, { occurred_at: minute(i + 1) }),
);
const PAYMENTS = [0, 1, 2, 3].map((i) =>
  paymentRecord(`p${String(i)}`, { session_id: `s${String(i)}`, amount: String(1000 + i), occurred_at: minute(50) }),
);
const LOST = [
  'inference_rows',
  'proof_facts',
  'payment_rows',
  'payment_model_rows',
  'release_facts',
  'model_state_rows',
];

let network: TestNetwork;
let replays: Replays;

beforeAll(async () => {
  network = await TestNetwork.create();
  replays = new Replays(network);
  await live(network);
});

afterAll(async () => {
  await replays.close();
  await network.close();
});

/** Sends all, and has the services, windows and alerts apply it. */
async function live(to: TestNetwork): Promise<void> {
  const services = await to.start('releases', 'inferences', 'proofs', 'payments', 'agents');
  await to.send('payments', PAYMENTS);
  await to.send('inferences', [...INFERENCES, INFERENCES[3] as (typeof INFERENCES)[0]]);
  await to.send('releases', RELEASES);
  await to.send('proofs', PROOFS);
  await to.applied({ releases: 4, inferences: COUNT + 1, proofs: COUNT, payments: 4 });
  await correlated(to);
  expect(await to.count('SELECT 1 FROM alert_states')).toBeGreaterThan(0);
  for (const service of services) await service.stop();
}

async function answers(...rest: readonly string[]): Promise<string[]> {
  const asked = [
    ['incidents'],
    ['windows', 'm'],
    ['taint', 'm', 'v2'],
    ['payments', 'm', 'v2'],
    ['alerts', 'm'],
    ['agents', 'm', 'v2'],
    ...INFERENCES.slice(0, 12).map(({ inference_id: id }) => ['trail', id]),
    ...PAYMENTS.map(({ payment_id: id }) => ['payment', id]),
  ];
  const said: string[] = [];
  for (const question of asked) {
    const { code, out, err } = await replays.run(['ask', ...question, '--json', ...rest]);
    expect({ code, err: err.includes('lacking') }, err).toEqual({ code: 0, err: false });
    said.push(out.replace(/,"complete_until":"[^"]*","provisional":(true|false)/, ''));
  }
  return said;
}

describe('backtrail replay', () => {
  it('says the same as the live tables, and gives back what was deleted of them', { timeout: 300_000 }, async () => {
    const before = await answers();
    const groups = await withAdmin(network.config.kafka, (admin) => admin.listGroups());
    const first = await replays.replay(['--model', 'm', '--release', 'v2', '--run-id', 'one']);
    expect(await replays.run(['replay', 'diff', 'one', '--json'])).toMatchObject({ code: 0 });
    expect(await answers('--run', 'one')).toEqual(before);

    for (const table of LOST) await network.database.command(`TRUNCATE TABLE ${table}`);
    const second = await replays.replay(['--manifest', replays.file(first), '--run-id', 'two']);
    expect(second.digests).toEqual(first.digests);
    const differing = await replays.run(['replay', 'diff', 'two', '--json']);
    expect(differing.code).toBe(EXIT.findings);
    const { differences } = JSON.parse(differing.out) as { differences: { table: string; because: object }[] };
    expect(differences.find(({ table }) => table === 'proof_records')?.because).toHaveProperty('offset');
    expect(differences.find(({ table }) => table === 'inference_revisions')?.because).toHaveProperty('rule');

    expect((await replays.run(['replay', 'restore', 'two'])).code).toBe(0);
    expect(await replays.run(['replay', 'diff', 'two', '--json'])).toMatchObject({ code: 0 });
    // What is restored is the window of a release and what it rests on; the whole model has more.
    await replays.replay(['--model', 'm', '--run-id', 'whole']);
    expect((await replays.run(['replay', 'restore', 'whole'])).code).toBe(0);
    await replays.replay(['--model', 'other', '--run-id', 'other']);
    expect((await replays.run(['replay', 'restore', 'other'])).code).toBe(0);
    expect(await answers()).toEqual(before);
    const again = JSON.parse((await replays.run(['replay', 'restore', 'whole'])).out) as {
      written: Record<string, number>;
    };
    expect(Object.values(again.written).every((rows) => rows === 0)).toBe(true);

    const after = await withAdmin(network.config.kafka, (admin) => admin.listGroups());
    expect(after.groups.filter(({ groupId }) => groupId.includes('replay'))).toEqual([]);
    expect(after.groups.filter(({ groupId }) => groupId.startsWith(network.config.kafka.topicPrefix)).length).toBe(
      groups.groups.filter(({ groupId }) => groupId.startsWith(network.config.kafka.topicPrefix)).length,
    );
    const sent = await withAdmin(network.config.kafka, (admin) =>
      admin.fetchTopicOffsets(`${network.config.kafka.topicPrefix}backtrail.alerts.v1`),
    );
    expect(sent.every(({ high }) => high === '0')).toBe(true);
  });

  it('goes on after it was cut off, with other batches, to the same digests', async () => {
    const { manifest, digests } = await replays.replay(['--model', 'm', '--run-id', 'reference']);
    const cut = new AbortController();
    const file = replays.file({ manifest });
    const going = replays.run(['replay', '--manifest', file, '--run-id', 'cut'], { BATCH_ROWS_MAX: '7' }, cut.signal);
    const database = `${network.config.clickhouse.database}_replay_cut`;
    replays.willDrop(database);
    await waitUntil('something of the run is durable', async () => {
      const rows = await network.select<{ n: string }>(
        `SELECT count() AS n FROM system.tables WHERE database = '${database}' AND name = 'replay_offsets' AND total_rows > 0`,
      );
      return rows[0]?.n === '1';
    });
    cut.abort();
    expect((await going).code).not.toBe(0);
    const again = await replays.replay(['--run-id', 'cut']);
    expect(again.digests).toEqual(digests);
    // The sum of what was read goes on, too, and was held against the manifest.
    expect(again.manifest).toEqual(manifest);
  });

  it('repeats what was known at a time, and says which manifest it would read', async () => {
    const [row] = await network.select<{ ms: string }>(
      'SELECT toUnixTimestamp64Milli(max(appended_at)) AS ms FROM inference_records',
    );
    const known = new Date(Number(row?.ms)).toISOString();
    const { out } = await replays.run(['replay', '--model', 'm', '--known', known, '--dry-run']);
    const { manifest } = JSON.parse(out) as Report;
    const read = manifest.ranges.filter(({ topic }) => topic.includes('inferences'));
    expect(read.reduce((sum, { to }) => sum + Number(to), 0)).toBe(COUNT + 1);
    await replays.replay(['--model', 'm', '--known', known, '--run-id', 'then']);
    expect((await replays.run(['replay', 'diff', 'then', '--json'])).out).toContain('"equal":true');
    expect((await replays.run(['replay', 'restore', 'then'])).code).toBe(EXIT.usage);
  });
});
