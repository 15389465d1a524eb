import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { keyOf } from '../../schemas/topics.js';
import { EXIT } from '../../services/cli/exit.js';
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
import { Replays, type Report } from './replay.fixture.js';
import { TestNetwork } from './services.fixture.js';

/** The same records, appended at the same times, in topics of another shape; and with their beginning gone. */

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

let network: TestNetwork;
let replays: Replays;

beforeAll(async () => {
  network = await TestNetwork.create();
  replays = new Replays(network);
});

afterAll(async () => {
  await deleteTopics(network.config.kafka, network.config.kafka.topicPrefix);
  await replays.close();
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

/** Nothing was applied to the live tables: they know nothing of these topics, and all is read. */
function replay(runId: string, prefix: string): Promise<Report> {
  return replays.replay(['--model', 'm', '--run-id', runId], { TOPIC_PREFIX: prefix });
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
    expect((await replays.run(['ask', 'taint', 'm', 'v2', '--run', 'late'])).err).toContain('lacking: ');

    // What the log has lost cannot be read again, and other topics are not those of a manifest.
    const again = ['replay', '--manifest', replays.file(one), '--run-id', 'again'];
    expect(await replays.run(again, { TOPIC_PREFIX: single })).toMatchObject({
      code: EXIT.findings,
      err: expect.stringContaining(`begins at offset ${String(LOST)} now`) as string,
    });
    const other = await replays.run(again, { TOPIC_PREFIX: `${single}other.` });
    expect(other).toMatchObject({ code: EXIT.usage, err: expect.stringContaining('it is of other topics') as string });
  });
});
