import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { nodeCommand } from '../../infra/embedded/launch.js';
import { START_MICROS, inferenceRecord, paymentRecord, traffic } from '../unit/runtime/records.fixture.js';
import { TestNetwork } from './services.fixture.js';

const SERVICES = ['release', 'inference', 'payment', 'window'] as const;
const RECORDS = 200;

let network: TestNetwork;
beforeEach(async () => {
  network = await TestNetwork.create();
});
afterEach(() => network.close());

/** A process as it is deployed, and all that it says in its life. */
function start(service: string): { end: () => Promise<[number | null, string[]]> } {
  const [program, ...args] = nodeCommand(`services/${service}/main`);
  const env = { PATH: process.env['PATH'], ...network.env, LOG_LEVEL: 'info' };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  return {
    end: async () => {
      child.kill('SIGTERM');
      const [code] = await exited;
      return [code, (await said).join('').trimEnd().split('\n')];
    },
  };
}

it('a healthy service says when it is ready and when it ends, whatever it does in between', async () => {
  await network.send('releases', [traffic('r1', START_MICROS, { v1: 10_000 })]);
  const processes = SERVICES.map((service) => ({ service, process: start(service) }));
  const ids = Array.from({ length: RECORDS }, (_, i) => `i${i}`);
  // A correction that sweeps, payments that come before their inferences, and records that come twice.
  await network.send(
    'payments',
    ids.map((id) => paymentRecord(`p-${id}`, { allocations: [{ inference_id: id, amount: null }] })),
  );
  const inferences = ids.map((id) => inferenceRecord(id));
  await network.send('inferences', inferences);
  await network.send('inferences', inferences.slice(0, 10));
  await network.send('releases', [traffic('r2', START_MICROS - 1, { v2: 10_000 })]);
  await network.applied({ releases: 2, inferences: RECORDS + 10, payments: RECORDS });

  for (const { service, process } of processes) {
    const [code, lines] = await process.end();
    const messages = lines.map((line) => JSON.parse(line) as { level: string; msg: string });
    expect([service, code, messages.filter(({ level }) => level !== 'info')]).toEqual([service, 0, []]);
    expect(
      messages.map(({ msg }) => msg).filter((msg) => !['ready', 'ended'].includes(msg)),
      service,
    ).toEqual([]);
    expect(messages.length, service).toBeLessThanOrEqual(2);
  }
});
