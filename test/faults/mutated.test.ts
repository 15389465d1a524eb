import { afterEach, expect, it } from 'vitest';

import { keyOf } from '../../schemas/topics.js';
import type { AgentRecord } from '../../schemas/types.generated.js';
import { elapsedMs } from '../../services/shared/clock.js';
import { accountFor } from '../../services/shared/clickhouse/completeness.js';
import { ERRORS, type ErrorCode } from '../../services/shared/errors.js';
import type { Stream } from '../../services/shared/core/record.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { TestNetwork, waitUntil } from '../integration/services.fixture.js';
import { inferenceRecord, paymentRecord, proofRecord, START_MICROS, traffic } from '../unit/runtime/records.fixture.js';
import { mutated, type Good } from './mutations.js';

/**
 *   BACKTRAIL_MUTATIONS=10000 BACKTRAIL_SEED=7 npx vitest run --project stack test/faults/mutated.test.ts
 */
const COUNT = Number(process.env['BACKTRAIL_MUTATIONS'] ?? 300);
const SEED = Number(process.env['BACKTRAIL_SEED'] ?? 1);
const STREAMS = ['releases', 'inferences', 'proofs', 'payments', 'agents'] as const;
/** Large runs are sent in parts, so that they fit in memory. */
const PART = 1_000;
const PATIENCE = 20;

let network: TestNetwork;

afterEach(() => network.close());

function goodOf(stream: Stream, from: number, count: number): Good[] {
  const records = Array.from({ length: count }, (_, n) => {
    const i = from + n;
    const at = START_MICROS + i;
    const agent: AgentRecord = {
      ...{ event_id: `a${i}`, occurred_at: at, source: 'test', source_ref: null, agent_id: `agent ${i}` },
      ...{ change_id: `c${i}`, action: 'CHANGED', kind: 'PROMPT', model_id: null, before_digest: null },
      ...{ after_digest: null, caused_by: [], upstream_agent_ids: [], reverts_change_id: null },
    };
    const all = {
      releases: traffic(`r${i}`, at, { v1: 10_000 }, `m${i % 50}`),
      inferences: inferenceRecord(`i${i}`, { occurred_at: at, model_id: `m${i % 50}` }),
      proofs: proofRecord(`proof ${i}`, `i${i}`),
      payments: paymentRecord(`p${i}`, { allocations: [{ inference_id: `i${i}`, amount: null }] }),
      agents: agent,
    };
    return all[stream];
  });
  return records.map((record) => ({ key: keyOf(stream, record as never), value: network.encode(stream, record) }));
}

async function endOffsets(stream: Stream): Promise<Map<number, bigint>> {
  const offsets = await withAdmin(network.config.kafka, (admin) => admin.fetchTopicOffsets(network.topic(stream)));
  return new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]));
}

async function ends(stream: Stream): Promise<number> {
  return [...(await endOffsets(stream)).values()].reduce((sum, high) => sum + Number(high), 0);
}

/** Everything that is in the topics has been committed to. */
async function allApplied(): Promise<void> {
  const expected = new Map<string, number>();
  for (const stream of STREAMS) expected.set(network.topic(stream), await ends(stream));
  const isApplied = async (): Promise<boolean> => {
    const rows = await network.select<{ topic: string; next: string }>(
      'SELECT topic, sum(next_offset) AS next FROM progress GROUP BY topic',
    );
    const next = new Map(rows.map((row) => [row.topic, Number(row.next)]));
    return [...expected].every(([topic, end]) => next.get(topic) === end);
  };
  for (let patience = PATIENCE; patience > 0; patience -= 1) {
    await waitUntil('all is applied', isApplied).catch(() => undefined);
    if (await isApplied()) return;
  }
  await waitUntil('all is applied', isApplied);
}

async function ratePerSecond(send: () => Promise<void>): Promise<number> {
  const startMs = elapsedMs();
  await send();
  await allApplied();
  return Math.round((COUNT * STREAMS.length * 1000) / (elapsedMs() - startMs));
}

it(
  `applies or sets aside each of ${COUNT} mutated records of every topic, and accounts for all of them`,
  async () => {
    network = await TestNetwork.create({ DEAD_LETTER_RUN_MAX: '1000', UNKNOWN_SCHEMA_WAIT_MS: '0' });
    const running = await network.start(...STREAMS);
    const inParts = async (of: (stream: Stream, from: number, count: number) => Promise<void>): Promise<void> => {
      for (let from = 0; from < COUNT; from += PART) {
        for (const stream of STREAMS) await of(stream, from, Math.min(PART, COUNT - from));
      }
    };
    const clean = await ratePerSecond(() =>
      inParts((stream, from, count) => network.sendRaw(stream, goodOf(stream, COUNT + from, count))),
    );
    const bad = await ratePerSecond(() =>
      inParts((stream, from, count) => {
        const others = STREAMS.filter((one) => one !== stream);
        const records = others.flatMap((one) => goodOf(one, from, 20));
        return network.sendRaw(stream, mutated(goodOf(stream, from, count), records, { seed: SEED + from, count }));
      }),
    );
    process.stderr.write(`seed ${SEED}: ${clean} clean and ${bad} mutated records a second\n`);

    for (const service of running) {
      const health = await fetch(`http://127.0.0.1:${service.port}/healthz`);
      expect(health.status).toBe(200);
    }
    for (const stream of STREAMS) {
      const below = await endOffsets(stream);
      const accounts = await accountFor(network.database, { stream, topic: network.topic(stream), below });
      const sum = [...accounts.values()].reduce((all, { applied, duplicate, deadLettered, gaps }) => {
        return all + Number(applied + duplicate + deadLettered + gaps);
      }, 0);
      const end = await ends(stream);
      expect([stream, sum]).toEqual([stream, end]);
    }
    const codes = await network.select<{ code: ErrorCode; n: string }>(
      'SELECT code, count() AS n FROM dead_letters GROUP BY code ORDER BY code',
    );
    for (const { code } of codes) expect(ERRORS[code].outcome).toBe('dead-letter');
    process.stderr.write(`${JSON.stringify(codes)}\n`);
    expect(codes.length).toBeGreaterThan(4);
  },
  120_000 + COUNT * 120,
);

it('stops with a reason when nothing but dead letters comes, and commits none beyond the limit', async () => {
  network = await TestNetwork.create({ DEAD_LETTER_RUN_MAX: '50' });
  const [service] = await network.start('proofs');
  const key = 'one partition';
  await network.sendRaw(
    'proofs',
    Array.from({ length: 200 }, () => ({ key, value: Buffer.from('nothing') })),
  );
  await expect(service?.ended).rejects.toMatchObject({ code: 'DEAD_LETTER_RUN' });
  expect(await network.count('SELECT * FROM dead_letters')).toBeLessThanOrEqual(50);
});
