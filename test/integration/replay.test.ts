import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Watch } from '../../services/alert/watch.js';
import { EXIT, exitCodeOf } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import type { Manifest } from '../../services/replay/manifest.js';
import { readHorizon } from '../../services/shared/clickhouse/horizon.js';
import { dropDatabase } from '../../services/shared/clickhouse/migrate.js';
import { trailSettings } from '../../services/shared/config.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { correlate } from '../../services/window/correlate.js';
import {
  inferenceRecord,
  minute,
  paymentRecord,
  proofRecord,
  releaseRecord,
  traffic,
} from '../unit/runtime/records.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

/** An incident in topics and live tables; then its rows are deleted, and come back from the topics. */

interface Digest {
  readonly table: string;
  readonly rows: string;
  readonly digest: string;
  readonly placeless: string;
}

interface Report {
  readonly run: string;
  readonly database: string;
  readonly manifest: Manifest;
  readonly digests: readonly Digest[];
}

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

const folder = mkdtempSync(join(tmpdir(), 'replay-'));
const runs = new Set<string>();
let network: TestNetwork;

beforeAll(async () => {
  network = await TestNetwork.create();
  await live(network);
});

afterAll(async () => {
  for (const run of runs) await dropDatabase({ ...network.config.clickhouse, database: run });
  await network.close();
  rmSync(folder, { recursive: true });
});

/** Sends all, and has the services, windows and alerts apply it. */
async function live(to: TestNetwork): Promise<void> {
  const services = await to.start('releases', 'inferences', 'proofs', 'payments', 'agents');
  await to.send('payments', PAYMENTS);
  await to.send('inferences', [...INFERENCES, INFERENCES[3] as (typeof INFERENCES)[0]]);
  await to.send('releases', RELEASES);
  await to.send('proofs', PROOFS);
  await to.applied({ releases: 4, inferences: COUNT + 1, proofs: COUNT, payments: 4 });
  await waitUntil('everything is complete', async () => {
    const { completeUntilMs, appliedUntilMs } = await readHorizon(to.database);
    return completeUntilMs >= appliedUntilMs;
  });
  await correlate(to.database, { afterMs: 0, settings: trailSettings(to.config) });
  const found: unknown[] = [];
  for await (const rows of new Watch(to.database).pass(new AbortController().signal)) found.push(...rows);
  expect(found.length).toBeGreaterThan(0);
  for (const service of services) await service.stop();
}

async function run(args: readonly string[], env = network.env, signal = new AbortController().signal) {
  let [out, err, code] = ['', '', 0];
  const context = {
    env,
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    signal,
    endWith: (given: number) => {
      code = given;
    },
  };
  try {
    await runProgram(args, context);
  } catch (error) {
    [code, err] = [exitCodeOf(error), (error as Error).message];
  }
  return { code, out, err };
}

async function replay(...args: readonly string[]): Promise<Report> {
  const { code, out, err } = await run(['replay', ...args]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const report = JSON.parse(out) as Report;
  runs.add(report.database);
  return report;
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
    const { code, out, err } = await run(['ask', ...question, '--json', ...rest]);
    expect({ code, err: err.includes('lacking') }, err).toEqual({ code: 0, err: false });
    said.push(out.replace(/,"complete_until":"[^"]*","provisional":(true|false)/, ''));
  }
  return said;
}

describe('backtrail replay', () => {
  it('says the same as the live tables, and gives back what was deleted of them', async () => {
    const before = await answers();
    const groups = await withAdmin(network.config.kafka, (admin) => admin.listGroups());
    const first = await replay('--model', 'm', '--release', 'v2', '--run-id', 'one');
    expect(await run(['replay', 'diff', 'one', '--json'])).toMatchObject({ code: 0 });
    expect(await answers('--run', 'one')).toEqual(before);

    for (const table of LOST) await network.database.command(`TRUNCATE TABLE ${table}`);
    const second = await replay('--manifest', manifestFile(first), '--run-id', 'two');
    expect(second.digests).toEqual(first.digests);
    const differing = await run(['replay', 'diff', 'two', '--json']);
    expect(differing.code).toBe(EXIT.findings);
    const { differences } = JSON.parse(differing.out) as { differences: { table: string; because: object }[] };
    expect(differences.find(({ table }) => table === 'proof_records')?.because).toHaveProperty('offset');
    expect(differences.find(({ table }) => table === 'inference_revisions')?.because).toHaveProperty('rule');

    expect((await run(['replay', 'restore', 'two'])).code).toBe(0);
    expect(await run(['replay', 'diff', 'two', '--json'])).toMatchObject({ code: 0 });
    // What is restored is the window of a release and what it rests on; the whole model has more.
    await replay('--model', 'm', '--run-id', 'whole');
    expect((await run(['replay', 'restore', 'whole'])).code).toBe(0);
    await replay('--model', 'other', '--run-id', 'other');
    expect((await run(['replay', 'restore', 'other'])).code).toBe(0);
    expect(await answers()).toEqual(before);
    const again = JSON.parse((await run(['replay', 'restore', 'whole'])).out) as { written: Record<string, number> };
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
    const { manifest, digests } = await replay('--model', 'm', '--run-id', 'reference');
    const cut = new AbortController();
    const file = manifestFile({ manifest });
    const going = run(
      ['replay', '--manifest', file, '--run-id', 'cut'],
      { ...network.env, BATCH_ROWS_MAX: '7' },
      cut.signal,
    );
    const database = `${network.config.clickhouse.database}_replay_cut`;
    runs.add(database);
    await waitUntil('something of the run is durable', async () => {
      const rows = await network.select<{ n: string }>(
        `SELECT count() AS n FROM system.tables WHERE database = '${database}' AND name = 'replay_offsets' AND total_rows > 0`,
      );
      return rows[0]?.n === '1';
    });
    cut.abort();
    expect((await going).code).not.toBe(0);
    expect((await replay('--run-id', 'cut')).digests).toEqual(digests);
  });

  it('repeats what was known at a time, and says which manifest it would read', async () => {
    const [row] = await network.select<{ ms: string }>(
      'SELECT toUnixTimestamp64Milli(max(appended_at)) AS ms FROM inference_records',
    );
    const known = new Date(Number(row?.ms)).toISOString();
    const { out } = await run(['replay', '--model', 'm', '--known', known, '--dry-run']);
    const { manifest } = JSON.parse(out) as Report;
    const read = manifest.ranges.filter(({ topic }) => topic.includes('inferences'));
    expect(read.reduce((sum, { to }) => sum + Number(to), 0)).toBe(COUNT + 1);
    await replay('--model', 'm', '--known', known, '--run-id', 'then');
    expect((await run(['replay', 'diff', 'then', '--json'])).out).toContain('"equal":true');
    expect((await run(['replay', 'restore', 'then'])).code).toBe(EXIT.usage);
  });
});

function manifestFile(report: { readonly manifest: Manifest }): string {
  const file = join(folder, 'manifest.json');
  writeFileSync(file, JSON.stringify(report));
  return file;
}
