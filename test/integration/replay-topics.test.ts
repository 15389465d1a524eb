import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { keyOf } from '../../schemas/topics.js';
import { runProgram } from '../../services/cli/program.js';
import { dropDatabase } from '../../services/shared/clickhouse/migrate.js';
import type { RecordOf, Stream } from '../../services/shared/core/record.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { createTopics, deleteTopics } from '../../services/shared/kafka/deploy-topics.js';
import { createProducer } from '../../services/shared/kafka/producer.js';
import { planTopics } from '../../services/shared/kafka/topic-plan.js';
import { topicName } from '../../schemas/topics.js';
import {
  inferenceRecord,
  minute,
  paymentRecord,
  proofRecord,
  releaseRecord,
  traffic,
} from '../unit/runtime/records.fixture.js';
import { TestNetwork } from './services.fixture.js';

/** The same records, appended at the same times, in topics of another shape; and with their beginning gone. */

interface Report {
  readonly database: string;
  readonly digests: readonly { readonly table: string; readonly rows: string; readonly placeless: string }[];
}

const COUNT = 30;
const LOST = 10;
const RELEASES = [
  traffic('v1', minute(-60), { v1: 10_000 }),
  traffic('v2', minute(5), { v1: 3_000, v2: 7_000 }),
  releaseRecord({ event_id: 'flag', action: 'FLAGGED', release: 'v2', flag_id: 'f', occurred_at: minute(20) }),
];
const INFERENCES = Array.from({ length: COUNT }, (_, i) =>
  inferenceRecord(`i${String(i)}`, {
    occurred_at: minute(i),
    session_id: `s${String(i % 2)}`,
    release: i % 2 === 0 ? 'v2' : null,
  }),
);
const PROOFS = INFERENCES.map(({ inference_id: id }, i) =>
  proofRecord(`proof ${String(i)}`, id, { occurred_at: minute(i) }),
);
const PAYMENTS = [0, 1].map((i) =>
  paymentRecord(`p${String(i)}`, { session_id: `s${String(i)}`, amount: '1001', occurred_at: minute(40) }),
);

const databases: string[] = [];
let network: TestNetwork;

beforeAll(async () => {
  network = await TestNetwork.create();
});

afterAll(async () => {
  await deleteTopics(network.config.kafka, network.config.kafka.topicPrefix);
  for (const database of databases) await dropDatabase({ ...network.config.clickhouse, database });
  await network.close();
});

/** Topics with so many partitions that hold all records; their prefix. */
async function topicsOf(partitions: number): Promise<string> {
  const prefix = `${network.config.kafka.topicPrefix}p${String(partitions)}.`;
  await createTopics(network.config.kafka, planTopics({ prefix, partitions, timestampType: 'CreateTime' }));
  const producer = await createProducer(network.config.kafka);
  const send = async <S extends Stream>(stream: S, records: readonly RecordOf[S][], firstMs: number): Promise<void> => {
    await producer.send(
      topicName(stream, prefix),
      records.map((record, i) => ({
        key: keyOf(stream, record as never),
        value: network.encode(stream, record),
        timestampMs: firstMs + i,
      })),
    );
  };
  const startMs = minute(60) / 1000;
  await send('releases', RELEASES, startMs);
  await send('payments', PAYMENTS, startMs + 50);
  await send('inferences', INFERENCES, startMs + 100);
  await send('proofs', PROOFS, startMs + 200);
  await producer.close();
  return prefix;
}

async function run(args: readonly string[], prefix: string): Promise<{ out: string; err: string }> {
  let [out, err] = ['', ''];
  await runProgram(args, {
    env: { ...network.env, TOPIC_PREFIX: prefix },
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    signal: new AbortController().signal,
    endWith: () => undefined,
  });
  return { out, err };
}

async function replay(runId: string, prefix: string): Promise<Report> {
  const { out } = await run(['replay', '--model', 'm', '--run-id', runId], prefix);
  const report = JSON.parse(out) as Report;
  databases.push(report.database);
  return report;
}

function placeless({ digests }: Report): object[] {
  return digests.map(({ table, rows, placeless: digest }) => ({ table, rows, digest }));
}

describe('a replay', () => {
  it('says the same of the same records in 1, 3 and 12 partitions, and names what the log has not got any more', async () => {
    const single = await topicsOf(1);
    const one = await replay('p1', single);
    expect(one.digests.find(({ table }) => table === 'alert_states')?.rows).not.toBe('0');
    expect(placeless(await replay('p3', await topicsOf(3)))).toEqual(placeless(one));
    expect(placeless(await replay('p12', await topicsOf(12)))).toEqual(placeless(one));

    const topic = topicName('inferences', single);
    await withAdmin(network.config.kafka, async (admin) => {
      await admin.fetchTopicOffsets(topic); // kafkajs deletes only of topics that it has asked about.
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(LOST) }] });
    });
    const late = await replay('late', single);
    expect(placeless(late)).not.toEqual(placeless(one));
    const gaps = await network.select(
      `SELECT topic, partition, from_offset, to_offset, reason FROM ${late.database}.gaps`,
    );
    expect(gaps).toEqual([
      { topic, partition: 0, from_offset: '0', to_offset: String(LOST), reason: 'BEFORE_RETENTION' },
    ]);
    expect((await run(['ask', 'taint', 'm', 'v2', '--run', 'late'], single)).err).toContain('lacking: ');
  });
});
