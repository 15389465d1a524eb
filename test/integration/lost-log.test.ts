import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { EXIT } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import { inferenceRecord } from '../unit/runtime/records.fixture.js';
import { deleteBelow, makeAnew } from './lost-records.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

interface Report {
  readonly complete: boolean;
  readonly lost: readonly Record<string, unknown>[];
  readonly replaced: readonly { readonly partition: number }[];
}

let network: TestNetwork;

beforeEach(async () => {
  network = await TestNetwork.create();
});
afterEach(async () => {
  await network.close();
});

async function completeness(): Promise<{ code: number; report: Report; lines: string }> {
  const written = { out: '', code: EXIT.ok as number };
  const run = (...args: readonly string[]): Promise<void> =>
    runProgram(['completeness', ...args], {
      env: { BACKTRAIL_HOME: '/nonexistent/backtrail', ...network.env },
      stdout: { write: (text) => (written.out += text) },
      stderr: { write: () => undefined },
      signal: new AbortController().signal,
      endWith: (code) => {
        written.code = code;
      },
    });
  await run('--json');
  const report = JSON.parse(written.out) as Report;
  written.out = '';
  await run();
  return { code: written.code, report, lines: written.out };
}

const some = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ partition: 0, ...sent(inferenceRecord(`i${from + i}`)) }));

function sent(record: ReturnType<typeof inferenceRecord>) {
  return { key: record.inference_id, value: network.encode('inferences', record) };
}

async function nextOffset(): Promise<number> {
  const [row] = await network.select<{ next: string }>(
    "SELECT sum(next_offset) AS next FROM progress WHERE service = 'inference'",
  );
  return Number(row?.next ?? 0);
}

describe('records that retention took before they were read', () => {
  it('are a gap with its bounds, whether the service stood still or runs', async () => {
    const [service] = await network.start('inferences');
    await network.sendRaw('inferences', some(0, 3));
    await network.applied({ inferences: 3 });
    const [until] = await network.select<{ ms: string }>(
      'SELECT toUnixTimestamp64Milli(max(appended_at)) AS ms FROM inferences',
    );
    await service?.stop();
    await network.sendRaw('inferences', some(3, 8));
    await deleteBelow(network, 'inferences', 6);
    await network.start('inferences');
    await network.applied({ inferences: 8 });
    const bounds = `SELECT from_offset, to_offset, records, toUnixTimestamp64Milli(appended_after) AS after,
      (SELECT toUnixTimestamp64Milli(appended_at) FROM inferences WHERE inference_id = 'i6') AS next,
      toUnixTimestamp64Milli(appended_before) AS before FROM gap_bounds ORDER BY from_offset`;
    const [first] = await network.select(bounds);
    expect(first).toMatchObject({ from_offset: '3', to_offset: '6', records: '3', after: until?.ms });
    expect(first?.['before']).toBe(first?.['next']);
    const { code, report, lines } = await completeness();
    expect({ code, complete: report.complete }).toEqual({ code: EXIT.ok, complete: true });
    expect(report.lost).toMatchObject([{ topic: network.topic('inferences'), partition: 0, from: '3', to: '6' }]);
    expect(lines).toContain(`lost: ${network.topic('inferences')} partition 0 offsets 3 to 5, `);
  });

  it('are noticed also where no record follows that would show it', async () => {
    await network.sendRaw('inferences', some(0, 4));
    await deleteBelow(network, 'inferences', 4);
    await network.start('inferences');
    await waitUntil('the gap is declared', async () => (await nextOffset()) === 4);
    expect(await network.select('SELECT from_offset, to_offset, reason FROM gaps')).toEqual([
      { from_offset: '0', to_offset: '4', reason: 'BEFORE_RETENTION' },
    ]);
    const { code } = await completeness();
    expect(code).toBe(EXIT.ok);
  });
});

describe('a topic that was made anew', () => {
  it.each([
    ['with fewer records', 2],
    ['with more records', 9],
  ])('%s is not read as if it were the old one', async (_name, records) => {
    const [service] = await network.start('inferences');
    await network.sendRaw('inferences', some(0, 5));
    await network.applied({ inferences: 5 });
    await service?.stop();
    await makeAnew(network, 'inferences');
    await network.sendRaw('inferences', some(100, 100 + records));

    await expect(network.start('inferences')).rejects.toMatchObject({ code: 'LOG_REPLACED' });
    expect(await network.count('SELECT * FROM inferences')).toBe(5);
    const { code, report } = await completeness();
    expect({ code, complete: report.complete }).toEqual({ code: EXIT.findings, complete: false });
    expect(report.replaced).toMatchObject([{ partition: 0 }]);
  });

  it('while a service reads it, ends the service, however far it came meanwhile', async () => {
    const [service] = await network.start('inferences');
    const ended = service?.ended.catch((error: unknown) => error);
    await network.sendRaw('inferences', some(0, 5));
    await network.applied({ inferences: 5 });
    await makeAnew(network, 'inferences');
    await network.sendRaw('inferences', some(100, 109));
    expect(await ended).toMatchObject({ code: expect.stringMatching(/LOG_REPLACED|KAFKA_TOPIC_MISSING/) as string });
    await expect(network.start('inferences')).rejects.toMatchObject({ code: 'LOG_REPLACED' });
  });
});
