import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { inferenceRecord, minute, traffic } from '../unit/runtime/records.fixture.js';
import { deleteBelow, makeAnew } from './lost-records.fixture.js';
import { TestNetwork, waitUntil, type RunningService } from './services.fixture.js';

let network: TestNetwork;

beforeEach(async () => {
  network = await TestNetwork.create();
});
afterEach(async () => {
  await network.close();
});

const FIRST = traffic('r0', minute(0), { v1: 10_000 });
const SECOND = traffic('r1', minute(10), { v2: 10_000 });
const THIRD = traffic('r2', minute(20), { v3: 10_000 });

async function read(releases: number): Promise<void> {
  await waitUntil(`${releases} release records are applied`, async () => {
    const rows = await network.select<{ next: string }>(
      "SELECT next_offset AS next FROM progress WHERE service = 'release'",
    );
    return Number(rows[0]?.next) === releases;
  });
}

/** Sends requests at some minutes; gives which release served each, once all are applied. */
async function served(minutes: readonly number[]): Promise<Record<string, string | null>> {
  await network.send(
    'inferences',
    minutes.map((at) => inferenceRecord(`i${at}`, { occurred_at: minute(at) })),
  );
  await network.applied({ inferences: minutes.length });
  const rows = await network.select<{ inference_id: string; release: string | null }>(
    'SELECT inference_id, release FROM inferences ORDER BY inference_id',
  );
  return Object.fromEntries(rows.map(({ inference_id: id, release }) => [id, release]));
}

describe('release records that the log has lost', () => {
  it('are taken from the tables by who begins now, so that it knows as much as all others', async () => {
    await network.send('releases', [FIRST, SECOND]);
    await network.start('releases');
    await network.send('releases', [THIRD]);
    await read(3);
    await deleteBelow(network, 'releases', 2);
    await network.start('inferences');
    expect(await served([5, 15, 25])).toEqual({ i5: 'v1', i15: 'v2', i25: 'v3' });
  });

  it('before anybody had read them are a gap with its bounds, which is waited for', async () => {
    await network.send('releases', [FIRST, SECOND, THIRD]);
    await deleteBelow(network, 'releases', 2);
    const starting = network.start('inferences');
    const isWaiting = await Promise.race([starting.then(() => false), network.start('releases').then(() => true)]);
    expect(isWaiting).toBe(true);
    await starting;
    expect(await served([5, 15, 25])).toEqual({ i5: null, i15: null, i25: 'v3' });
    expect(await network.select('SELECT topic, from_offset, to_offset FROM gap_bounds')).toEqual([
      { topic: network.topic('releases'), from_offset: '0', to_offset: '2' },
    ]);
  });
});

describe('a releases topic that was made anew', () => {
  it.each([
    ['with fewer records', [FIRST]],
    ['with more records', [THIRD, SECOND, FIRST, THIRD]],
  ])('%s is not joined with as if it were the old one', async (_name, records) => {
    await network.send('releases', [FIRST, SECOND]);
    const [release, inference] = (await network.start('releases', 'inferences')) as [RunningService, RunningService];
    await read(2);
    expect(await served([5])).toEqual({ i5: 'v1' });
    await Promise.all([release.stop(), inference.stop()]);
    await makeAnew(network, 'releases');
    await network.send('releases', records);
    await expect(network.start('inferences')).rejects.toMatchObject({ code: 'LOG_REPLACED' });
  });

  it('while a service joins with it, ends the service, which does not begin again', async () => {
    await network.send('releases', [FIRST, SECOND]);
    const [release, inference] = (await network.start('releases', 'inferences')) as [RunningService, RunningService];
    await read(2);
    const ended = Promise.all([release, inference].map(async (one) => one.ended.catch((error: unknown) => error)));
    await makeAnew(network, 'releases');
    await network.send('releases', [THIRD, SECOND, FIRST, THIRD]);
    const reason = { code: expect.stringMatching(/LOG_REPLACED|KAFKA_TOPIC_MISSING/) as string };
    expect(await ended).toMatchObject([reason, reason]);
    await expect(network.start('inferences')).rejects.toMatchObject({ code: 'LOG_REPLACED' });
  });
});
