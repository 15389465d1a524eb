import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EXIT } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { inferenceRecord } from '../unit/runtime/records.fixture.js';
import { TestNetwork } from './services.fixture.js';

interface Partition {
  readonly partition: number;
  readonly first: string | null;
  readonly last: string | null;
  readonly next_offset: string;
  readonly applied: number;
  readonly duplicate: number;
  readonly conflicts: number;
  readonly dead_lettered: number;
  readonly gaps: number;
  readonly missing: number;
  readonly lag: number;
}

interface Report {
  readonly complete: boolean;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly Partition[] }[];
  readonly missing: readonly unknown[];
  readonly conflicts: readonly Record<string, unknown>[];
}

describe('completeness', () => {
  let network: TestNetwork;

  beforeAll(async () => {
    network = await TestNetwork.create();
  });

  afterAll(async () => {
    await network.close();
  });

  async function completeness(...args: readonly string[]) {
    const written = { out: '', err: '', code: EXIT.ok as number };
    await runProgram(['completeness', ...args], {
      env: { BACKTRAIL_HOME: '/nonexistent/backtrail', ...network.env },
      stdout: { write: (text) => (written.out += text) },
      stderr: { write: (text) => (written.err += text) },
      signal: new AbortController().signal,
      endWith: (code) => {
        written.code = code;
      },
    });
    return written;
  }

  async function report(): Promise<{ code: number; report: Report; sums: Record<string, number> }> {
    const { out, code } = await completeness('--json');
    const found = JSON.parse(out) as Report;
    const partitions = found.topics.find(({ topic }) => topic === network.topic('inferences'))?.partitions ?? [];
    const sum = (name: keyof Partition): number => partitions.reduce((all, one) => all + Number(one[name]), 0);
    const names = ['applied', 'duplicate', 'conflicts', 'dead_lettered', 'gaps', 'missing', 'lag'] as const;
    const sums = Object.fromEntries([...names, 'next_offset' as const].map((name) => [name, sum(name)]));
    for (const one of partitions) {
      const { applied, duplicate, dead_lettered: dead, gaps, missing, next_offset: next } = one;
      expect(applied + duplicate + dead + gaps + missing).toBe(Number(next));
    }
    return { code, report: found, sums };
  }

  it('says that nothing is applied yet, which is no fault', async () => {
    const records = Array.from({ length: 30 }, (_, i) => inferenceRecord(`i${i}`));
    await network.send('inferences', records);
    const { code, sums } = await report();
    expect({ code, ...sums }).toMatchObject({ code: EXIT.ok, applied: 0, missing: 0, lag: 30 });
  });

  it('accounts for copies, dead letters, and what retention took before it was read', async () => {
    const topic = network.topic('inferences');
    await withAdmin(network.config.kafka, async (admin) => {
      await admin.fetchTopicOffsets(topic); // It only deletes where it knows the leader.
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    });
    await network.start('inferences');
    await network.applied({ inferences: 30 });
    const again = [inferenceRecord('twice'), inferenceRecord('twice'), inferenceRecord('i1', { model_id: 'other' })];
    await network.send('inferences', [inferenceRecord('i1', { source: 'mirror' }), ...again]);
    await network.sendRaw('inferences', [{ key: 'x', value: Buffer.from('no record') }]);
    await network.applied({ inferences: 35 });

    const { code, report: found, sums } = await report();
    expect({ code, ...sums }).toEqual({
      code: EXIT.ok,
      ...{ applied: 29, duplicate: 3, conflicts: 2, dead_lettered: 1, gaps: 2, missing: 0, lag: 0, next_offset: 35 },
    });
    const first = found.topics[1]?.partitions[0];
    expect({ complete: found.complete, first: first?.first, missing: found.missing }).toEqual({
      complete: true,
      first: '2',
      missing: [],
    });
    expect(found.conflicts).toHaveLength(2);
    expect(found.conflicts[0]).toMatchObject({ topic, event_id: expect.any(String) as string });
    const { out, err } = await completeness();
    expect(out).toMatch(/EVENT_ID_CONFLICT: .*opengradient\.inferences\.v1 partition \d offset \d+, event /);
    expect(err).toBe('Every offset up to what is applied is accounted for.\n');
  });

  it('counts no offset twice: rows delivered again, gaps that overlap or hold what was applied', async () => {
    const topic = network.topic('inferences');
    const gap = { topic, partition: 0, service: 'inference', reason: 'BEFORE_RETENTION' };
    await network.database.insert('gap_rows', [
      { ...gap, from_offset: 1, to_offset: 4 },
      { ...gap, from_offset: 0, to_offset: 1 },
    ]);
    const letters = await network.select<{ partition: number; offset: string }>(
      'SELECT partition, offset FROM dead_letters',
    );
    const [fact] = await network.select<{ partition: number; offset: string }>(
      'SELECT partition, offset FROM inference_rows WHERE partition = 0 LIMIT 1',
    );
    expect(letters).toHaveLength(1);
    await network.database.insert('dead_letter_rows', [
      { topic, ...letters[0] },
      { topic, ...fact },
    ]);
    const { code, sums } = await report();
    expect({ code, ...sums }).toMatchObject({ code: EXIT.ok, applied: 29, dead_lettered: 1, gaps: 2, missing: 0 });
  });

  it('exits 3 and names the range when a fact is gone', async () => {
    const [partition] = await network.select<{ p: number; most: string }>(
      'SELECT partition AS p, max(offset) AS most FROM inference_rows WHERE partition != 0 GROUP BY p ORDER BY most DESC LIMIT 1',
    );
    const p = Number(partition?.p);
    await network.database.command(
      `ALTER TABLE inference_rows DELETE WHERE partition = ${p} AND offset IN (3, 4) SETTINGS mutations_sync = 1`,
    );
    const { code, report: found } = await report();
    expect({ code, complete: found.complete, missing: found.missing }).toEqual({
      code: EXIT.findings,
      complete: false,
      missing: [{ topic: network.topic('inferences'), partition: p, from: '3', to: '5' }],
    });
    const { out, err } = await completeness();
    expect(out).toContain(`missing: ${network.topic('inferences')} partition ${p} offsets 3 to 4\n`);
    expect(err).toBe('2 offsets are missing: neither applied nor declared. See "Missing offsets" in the runbook.\n');
  });
});
