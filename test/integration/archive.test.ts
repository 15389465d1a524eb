import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { recordsIn } from '../../services/archive/container.js';
import type { Segment } from '../../services/archive/manifest.js';
import { EXIT } from '../../services/cli/exit.js';
import type { Stream } from '../../services/shared/core/record.js';
import { createAdmin, withAdmin } from '../../services/shared/kafka/admin.js';
import { scanLog } from '../../services/shared/kafka/scan.js';
import { openSoleProducer } from '../../services/shared/kafka/transactions.js';
import type { LogRecord } from '../../services/shared/runtime/ports.js';
import {
  inferenceRecord,
  minute,
  paymentRecord,
  proofRecord,
  releaseRecord,
  traffic,
} from '../unit/runtime/records.fixture.js';
import { correlated, Replays, type Report } from './replay.fixture.js';
import { startS3, type S3Server } from './s3-server.fixture.js';
import { TestNetwork } from './services.fixture.js';

/** What the topics held is read from an archive as it was read from them, when they have lost it and the registry is away. */

interface ArchiveReport {
  readonly root: string;
  readonly records: number;
  readonly segments: readonly Segment[];
  readonly lost: readonly object[];
}

const COUNT = 40;
const STREAMS: readonly Stream[] = ['releases', 'inferences', 'proofs', 'agents', 'payments'];
const RELEASES = [
  traffic('v1', minute(-60), { v1: 10_000 }),
  traffic('v2', minute(0), { v1: 5_000, v2: 5_000 }),
  releaseRecord({ event_id: 'back', action: 'ROLLED_BACK', release: 'v2', to: 'v1', occurred_at: minute(30) }),
  releaseRecord({ event_id: 'flag', action: 'FLAGGED', release: 'v2', flag_id: 'f', occurred_at: minute(40) }),
];
const inferences = (from: number) =>
  Array.from({ length: COUNT }, (_, i) =>
    inferenceRecord(`i${String(from + i)}`, {
      occurred_at: minute(i),
      session_id: `s${String(i % 4)}`,
      release: i % 3 === 0 ? null : i % 2 === 0 ? 'v1' : 'v2',
    }),
  );

const folder = mkdtempSync(join(tmpdir(), 'backtrail-archives-'));
const AWAY = { SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1/apis/ccompat/v7' };
let network: TestNetwork;
let replays: Replays;
let s3: S3Server;

beforeAll(async () => {
  [network, s3] = await Promise.all([TestNetwork.create(), startS3()]);
  replays = new Replays(network, { ...network.env, ...s3.env });
  const services = await network.start(...STREAMS);
  await network.send('releases', RELEASES);
  await network.send('inferences', inferences(0));
  await network.sendRaw('inferences', [
    { key: 'odd', value: null, headers: [{ name: 'h', value: Buffer.from([1, 2]) }] },
    { key: null, value: unreadable(), headers: [{ name: 'none', value: null }] },
  ]);
  await committed('inferences', inferences(100).slice(0, 5));
  await network.send(
    'proofs',
    inferences(0).map(({ inference_id: id }, i) => proofRecord(`p${String(i)}`, id)),
  );
  await network.send('payments', [paymentRecord('pay', { session_id: 's1', amount: '1001', occurred_at: minute(50) })]);
  // In each of three partitions the transaction left a marker.
  await network.applied({ releases: 4, inferences: COUNT + 10, proofs: COUNT, payments: 1 });
  await correlated(network);
  for (const service of services) await service.stop();
});

afterAll(async () => {
  await replays.close();
  await Promise.all([network.close(), s3.stop()]);
  rmSync(folder, { recursive: true });
});

/** Of a schema that the registry has: one that it has not is waited for. */
function unreadable(): Buffer {
  const [first] = inferences(0);
  const head = network.encode('inferences', first as object).subarray(0, 5);
  return Buffer.concat([head, Buffer.from([255])]);
}

/** Sent in a transaction: what marks its end is no record. */
async function committed(stream: Stream, records: readonly object[]): Promise<void> {
  const producer = await openSoleProducer(network.config.kafka, `${network.config.kafka.topicPrefix}tx`);
  const placed = records.map((record, i) => ({
    key: `tx${String(i)}`,
    value: network.encode(stream, record),
    partition: i % 3,
  }));
  await producer.send(network.topic(stream), placed);
  await producer.close();
}

async function archive(to: string, ...more: readonly string[]): Promise<ArchiveReport> {
  const { code, out, err } = await replays.run(['archive', '--to', to, '--json', ...more]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as ArchiveReport;
}

async function verified(place: string): Promise<number> {
  const { code, out } = await replays.run(['archive', 'verify', place, '--json'], {
    KAFKA_BROKERS: 'nobody:1',
    ...AWAY,
  });
  expect(JSON.parse(out)).toMatchObject({ whole: code === 0 });
  return code;
}

async function deleteBelowEnds(): Promise<void> {
  for (const stream of STREAMS) {
    const topic = network.topic(stream);
    await withAdmin(network.config.kafka, async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const partitions = ends
        .filter(({ high }) => high !== '0')
        .map(({ partition, high }) => ({ partition, offset: high }));
      if (partitions.length > 0) await admin.deleteTopicRecords({ topic, partitions });
    });
  }
}

function said({ manifest, digests }: Report): object {
  return { digests, content: manifest.ranges.map(({ content, records }) => ({ content, records })) };
}

/** Every record of a topic, from the log. */
async function inLog(topic: string): Promise<LogRecord[]> {
  const admin = await createAdmin(network.config.kafka);
  const spans = await admin.offsets(topic);
  await admin.close();
  const found: LogRecord[] = [];
  for (const { partition, low: from, high: to } of spans) {
    await scanLog(network.config.kafka, { topic, partition, from, to }, (record) => {
      found.push({
        ...record,
        key: record.key && Buffer.from(record.key),
        value: record.value && Buffer.from(record.value),
      });
      return 'more';
    });
  }
  return found;
}

describe('an archive of the topics', () => {
  it('has every committed record byte for byte, and grows', async () => {
    const place = join(folder, 'first');
    const topic = network.topic('inferences');
    const first = await archive(place, '--segment-records', '7', '--topic', 'inferences');
    const log = await inLog(topic);
    expect(log).toHaveLength(COUNT + 7);
    expect(first.records).toBe(log.length);
    const archived: LogRecord[] = [];
    for (const { file } of first.segments.toSorted((a, b) => (a.file < b.file ? -1 : 1))) {
      for await (const { timeType, ...record } of recordsIn(join(place, file))) {
        expect(timeType).toBe('LOG_APPEND_TIME');
        archived.push(record);
      }
    }
    expect(archived).toEqual(log);
    const holes = first.segments.flatMap(({ missing }) => missing);
    expect(holes).toHaveLength(3);

    expect((await archive(place, '--topic', 'inferences')).segments).toEqual([]);
    const all = await archive(place, '--segment-bytes', '3000');
    expect(new Set(all.segments.map((segment) => segment.topic))).toEqual(
      new Set([network.topic('releases'), network.topic('proofs'), network.topic('payments')]),
    );
    expect(await verified(place)).toBe(EXIT.ok);
    expect(readdirSync(place).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('that is damaged is not read, and says where', async () => {
    const place = join(folder, 'third');
    const { root } = await archive(place, '--topic', 'releases');
    const [file = ''] = readdirSync(join(place, network.topic('releases'), '0'));
    const path = join(place, network.topic('releases'), '0', file);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 30) ^ 4, bytes.length - 30);
    writeFileSync(path, bytes);
    const { code, out } = await replays.run(['archive', 'verify', place]);
    expect(code).toBe(EXIT.findings);
    expect(out).toContain(`${network.topic('releases')} partition 0 offsets 0 to 3: the file has another SHA-256`);
    const replayed = await replays.run(['replay', '--model', 'm', '--full', '--archive', place, '--run-id', 'damaged']);
    replays.willDrop(`${network.config.clickhouse.database}_replay_damaged`);
    expect(replayed.code).not.toBe(0);
    expect(replayed.err).toContain('is not the file that was archived');
    const other = await replays.run(['archive', 'verify', place, '--root', '0'.repeat(64), '--json']);
    expect(JSON.parse(other.out)).toMatchObject({ whole: false, root });
  });

  it(
    'is replayed as the topics were, also when they have lost it and the registry is away',
    { timeout: 240_000 },
    async () => {
      const places = [join(folder, 'second'), `s3://${s3.bucket}/second`];
      for (const place of places) await archive(place, '--segment-records', '9');
      const services = await network.start(...STREAMS);
      // What comes after the archive is read from the topics.
      await network.send('inferences', inferences(200));
      await network.send('payments', [
        paymentRecord('late', { session_id: 's2', amount: '7', occurred_at: minute(60) }),
      ]);
      await network.applied({ inferences: 2 * COUNT + 10, payments: 2 });
      await correlated(network);
      for (const service of services) await service.stop();

      const broker = await replays.replay(['--model', 'm', '--full', '--run-id', 'broker']);
      const manifest = replays.file(broker);
      const [dir = '', bucket = ''] = places;
      const both = await replays.replay(['--manifest', manifest, '--archive', dir, '--run-id', 'both']);
      expect(said(both)).toEqual(said(broker));
      const narrow = await replays.replay(['--model', 'm', '--release', 'v2', '--archive', dir, '--run-id', 'narrow']);
      expect(await replays.run(['replay', 'diff', 'narrow', '--json'])).toMatchObject({ code: 0 });
      expect(narrow.reads.of).toBe(broker.reads.of);

      const rest = join(folder, 'rest');
      await archive(rest);
      await deleteBelowEnds();
      expect(await replays.run(['replay', '--manifest', manifest, '--run-id', 'gone'])).toMatchObject({
        code: EXIT.findings,
      });
      const late = await replays.run(['archive', '--to', dir]);
      expect(late.code).toBe(EXIT.findings);
      expect(late.err).toMatch(
        /lost: .*inferences.* partition \d offsets \d+ to \d+, deleted before they were archived/,
      );
      const alone = await replays.replay(['--manifest', manifest, '--archive', rest, '--run-id', 'alone'], AWAY);
      expect(said(alone)).toEqual(said(broker));
      const anew = await replays.replay(['--model', 'm', '--full', '--archive', rest, '--run-id', 'anew'], AWAY);
      expect(said(anew)).toEqual(said(broker));

      // The archive in the bucket ends before what the topics have lost: that is a gap, and named.
      const lacking = await replays.replay(['--model', 'm', '--full', '--archive', bucket, '--run-id', 'lacking']);
      expect(said(lacking)).not.toEqual(said(broker));
      const gaps = await network.select<{ topic: string; lost: string }>(
        `SELECT topic, sum(to_offset - from_offset) AS lost FROM ${lacking.database}.gaps
       WHERE reason = 'BEFORE_RETENTION' GROUP BY topic ORDER BY topic`,
      );
      expect(gaps).toEqual([
        { topic: network.topic('inferences'), lost: String(COUNT) },
        { topic: network.topic('payments'), lost: '1' },
      ]);
      expect((await replays.run(['ask', 'taint', 'm', 'v2', '--run', 'lacking'])).err).toContain('lacking: ');
      expect(await verified(bucket)).toBe(EXIT.ok);
    },
  );

  it('is none of nothing', async () => {
    expect(await replays.run(['archive', 'verify', join(folder, 'nowhere')])).toMatchObject({ code: EXIT.usage });
    const replay = ['replay', '--model', 'm', '--archive', join(folder, 'nowhere')];
    expect(await replays.run(replay)).toMatchObject({ code: EXIT.usage });
    const refused = await replays.run(['archive', '--to', 's3://nobody-made-this/x']);
    expect(refused).toMatchObject({ code: EXIT.failure });
    expect(refused.err).toContain('nobody-made-this');
  });
});
