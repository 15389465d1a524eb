import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { archiveTopics, type ArchiveRun } from '../../services/archive/archive.js';
import { folderStore } from '../../services/archive/folder-store.js';
import { loadConfig } from '../../services/shared/config.js';
import { createAdmin, withAdmin, type LogAdmin } from '../../services/shared/kafka/admin.js';
import { closeClient, kafkaClient } from '../../services/shared/kafka/client.js';
import { readSpans, type SpanBatch } from '../../services/shared/kafka/span-reader.js';
import { serverEnv } from './servers.fixture.js';

/** What a log holds besides records: transactions that are over, were given up or are open, and a front that is gone. */

const { kafka } = loadConfig(serverEnv());
const topic = `t${randomUUID()}`;
const folder = mkdtempSync(join(tmpdir(), 'backtrail-reading-'));
const client = kafkaClient(kafka);
const producer = client.producer({ transactionalId: randomUUID(), idempotent: true, maxInFlightRequests: 1 });
let log: LogAdmin;

beforeAll(async () => {
  await withAdmin(kafka, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true }),
  );
  log = await createAdmin(kafka);
  await producer.connect();
});

afterAll(async () => {
  await closeClient(client, producer);
  await log.close();
  await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
  rmSync(folder, { recursive: true });
});

async function begin(count: number, partition = 0) {
  const transaction = await producer.transaction();
  const messages = Array.from({ length: count }, (_, i) => ({ key: String(i), value: `v${String(i)}`, partition }));
  await transaction.send({ topic, messages });
  return transaction;
}

function archive(): Promise<ArchiveRun> {
  return archiveTopics(
    {
      store: folderStore(folder),
      log,
      read: (reading) => readSpans(kafka, reading),
      schema: () => Promise.resolve(null),
      patiently: (action) => action(),
    },
    { topics: [topic], limits: { records: 100, bytes: 1e6 }, signal: new AbortController().signal },
  );
}

describe('a log that is archived', () => {
  it('gives what is committed; what was given up and what marks the end of a transaction is a hole', async () => {
    await (await begin(3)).commit();
    await (await begin(2)).abort();
    await (await begin(2, 1)).commit();
    const open = await begin(1);
    const first = await archive();
    expect(first.added.toSorted((a, b) => a.partition - b.partition)).toMatchObject([
      { partition: 0, from: '0', to: '7', records: 3, missing: [['3', '7']] },
      { partition: 1, from: '0', to: '3', records: 2, missing: [['2', '3']] },
    ]);
    await open.abort();
    expect((await archive()).added).toMatchObject([
      { partition: 0, from: '7', to: '9', records: 0, missing: [['7', '9']], appended_from_ms: null },
    ]);
    await (await begin(1)).commit();
    expect((await archive()).added).toMatchObject([{ from: '9', to: '11', records: 1, missing: [['10', '11']] }]);
    expect((await archive()).added).toEqual([]);
  });

  it('is read on behind what was deleted meanwhile', async () => {
    await (await begin(5)).commit();
    const [{ high } = { high: 0n }] = await log.offsets(topic);
    await withAdmin(kafka, async (admin) => {
      await admin.fetchTopicOffsets(topic); // kafkajs deletes only of topics that it has asked about.
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(high - 3n) }] });
    });
    const seen: SpanBatch[] = [];
    await readSpans(kafka, {
      topic,
      spans: new Map([[0, { from: 2n, to: high }]]),
      signal: new AbortController().signal,
      visit: (batch) => Promise.resolve(void seen.push(batch)),
    });
    expect(seen[0]?.startOffset).toBe(high - 3n);
    expect(seen.at(-1)?.nextOffset).toBe(high);
    expect(seen.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual([high - 3n, high - 2n]);
    const { lost } = await archive();
    expect(lost).toEqual([{ topic, partition: 0, from: '11', to: String(high - 3n) }]);
  });

  it('ends when it is told to, and when there is nothing to read', async () => {
    const [{ high } = { high: 0n }] = await log.offsets(topic);
    const reading = { topic, visit: () => Promise.resolve() };
    const ended = AbortSignal.abort(new Error('enough'));
    const beyond = new Map([[0, { from: high, to: high + 1n }]]);
    await expect(readSpans(kafka, { ...reading, spans: beyond, signal: ended })).rejects.toThrow('enough');
    const { signal } = new AbortController();
    await readSpans(kafka, { ...reading, spans: new Map([[0, { from: high, to: high }]]), signal });
    const failing = { ...reading, visit: () => Promise.reject(new Error('no room')) };
    const last = new Map([[0, { from: high - 2n, to: high }]]);
    await expect(readSpans(kafka, { ...failing, spans: last, signal })).rejects.toThrow('no room');
  });
});
