import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { InferenceRecord } from '../../schemas/types.generated.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { clickHouseCopies } from '../../services/shared/clickhouse/copies.js';
import { readHorizon } from '../../services/shared/clickhouse/horizon.js';
import { now } from '../../services/shared/clock.js';
import { tellApart } from '../../services/shared/core/copies.js';
import { inferenceRecord, minute } from '../unit/runtime/records.fixture.js';
import { START_MS } from '../unit/runtime/network.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

interface CopyRow {
  readonly at: string;
  readonly finding: string;
  readonly of: string;
  readonly copies: number;
}

const ROWS = `SELECT concat(toString(partition), '/', toString(offset)) AS at, finding, copies,
    concat(toString(of_partition), '/', toString(of_offset)) AS of
  FROM copy_rows FINAL ORDER BY partition, offset`;

describe('the search for copies', () => {
  let network: TestNetwork;
  let database: ClickHouse;

  beforeAll(async () => {
    network = await TestNetwork.create();
    database = connectClickHouse(network.config.clickhouse);
  });

  afterAll(async () => {
    await database.close();
    await network.close();
  });

  it('finds what shares an event or an inference with a new record, anywhere, and nothing else', async () => {
    const record = (id: string, event: string, more: Partial<InferenceRecord> = {}) => ({
      ...inferenceRecord(id, more),
      event_id: event,
    });
    const rows: [number, number, object][] = [
      [0, 0, record('a', 'ea')],
      [0, 1, record('b', 'eb')],
      [1, 0, record('c', 'eb')], // another inference under the event of b
      [1, 1, record('c', 'ec')], // and another event of that inference
      [2, 0, record('d', 'ed')],
      [2, 1, record('e', 'ee', { source_ref: "it's" })],
      [2, 2, record('e', 'ee', { source_ref: "it's" })],
    ];
    await insertRows(rows);
    await insertRows(rows.slice(0, 3)); // delivered again: the same records

    const found = async (partition: number, from: bigint, to: bigint) => {
      const pages = [];
      const copies = clickHouseCopies(database);
      for await (const facts of copies.sharing('inferences', [{ partition, from, to }])) pages.push(...facts);
      return tellApart(pages).map(({ fact: { position }, finding }) => [
        `${position.partition}/${position.offset}`,
        finding ?? 'counts',
      ]);
    };
    expect(await found(0, 0n, 1n)).toEqual([]);
    const chain = [
      ['0/1', 'counts'],
      ['1/0', 'EVENT_ID_CONFLICT'],
      ['1/1', 'counts'],
    ];
    expect((await found(0, 1n, 2n)).sort()).toEqual(chain);
    expect((await found(1, 1n, 2n)).sort()).toEqual(chain);
    expect((await found(2, 0n, 3n)).sort()).toEqual([
      ['2/1', 'counts'],
      ['2/2', 'DUPLICATE'],
    ]);
    expect(
      await clickHouseCopies(database).appendedUntil('inferences', 'any', [{ partition: 2, from: 0n, to: 2n }]),
    ).toEqual(new Map([[2, START_MS + 21]]));
  });

  it('is not overwhelmed by a source that gives all of its events one id, nor by one that sends everything again', async () => {
    const many = (partition: number, event: string, seconds: number) => `
      INSERT INTO inference_rows (inference_id, model_id, event_id, key, partition, offset, appended_at)
      SELECT concat('n', toString(number)) AS inference_id, 'm', ${event}, inference_id, ${partition}, number,
        toDateTime64('2026-03-10 10:00:00', 3, 'UTC') + number + ${seconds} FROM numbers(12000)`;
    const ignored = async (partition: number) => {
      const found = new Map<bigint, string | null>();
      let most = 0;
      for await (const facts of clickHouseCopies(database).sharing('inferences', [
        { partition, from: 0n, to: 12_000n },
      ])) {
        most = Math.max(most, facts.length);
        for (const { fact, finding } of tellApart(facts)) {
          if (fact.position.partition === partition) found.set(fact.position.offset, finding);
        }
      }
      const findings = [...found.values()];
      return { most, counting: findings.filter((one) => one === null).length, all: findings.length };
    };
    await database.command(many(5, "''", 0));
    await database.command(many(6, "''", 86_400));
    const nameless = await ignored(6);
    expect(nameless).toMatchObject({ counting: 0, all: 12_000 });
    expect(nameless.most).toBeLessThan(12_000);

    await database.command(many(7, "concat('event of ', inference_id)", 0));
    await database.command(many(8, "concat('event of ', inference_id)", 86_400));
    const again = await ignored(8);
    expect(again).toMatchObject({ counting: 0, all: 12_000 });
    expect(again.most).toBeLessThan(50_000);
  });

  async function insertRows(rows: readonly [number, number, object][]): Promise<void> {
    await database.insert(
      'inference_rows',
      rows.map(([partition, offset, record]) => {
        const { release: claim, ...fields } = record as InferenceRecord;
        return {
          ...fields,
          claim,
          key: fields.inference_id,
          partition,
          offset,
          appended_at: START_MS + partition * 10 + offset,
        };
      }),
    );
  }
});

describe('a service', () => {
  it('tells copies apart while it runs, also those that another owner has settled already', async () => {
    const network = await TestNetwork.create();
    try {
      const first = inferenceRecord('i', { occurred_at: minute(0) });
      const other = { ...inferenceRecord('j'), event_id: first.event_id };
      await network.send('inferences', [first, inferenceRecord('k')]);
      const [service] = await network.start('inferences');
      await network.applied({ inferences: 2 });
      expect(await network.select(ROWS)).toEqual([]);
      await service?.stop();

      await network.send('inferences', [first, other]);
      await network.start('inferences');
      await network.applied({ inferences: 4 });
      const rows = await network.select<CopyRow>(ROWS);
      expect(rows.map(({ finding, copies }) => [finding, copies]).sort()).toEqual([
        ['', 3],
        ['DUPLICATE', 3],
        ['EVENT_ID_CONFLICT', 3],
      ]);
      const counting = rows.find(({ finding }) => finding === '')?.at;
      expect(new Set(rows.map(({ of }) => of))).toEqual(new Set([counting]));
    } finally {
      await network.close();
    }
  });

  it('keeps the horizon back until every partition of every topic is looked after, then moves it on', async () => {
    const network = await TestNetwork.create();
    try {
      const horizon = () => readHorizon(network.database);
      await network.start('inferences', 'proofs', 'agents', 'payments');
      const least = 'SELECT min(complete_until) > toDateTime64(0, 3) AS known FROM progress';
      await waitUntil('four topics are complete', async () => {
        return (await network.select<{ known: number }>(least))[0]?.known === 1;
      });
      expect(await horizon()).toEqual({ completeUntilMs: 0, appliedUntilMs: 0, records: '0' });

      const startedMs = now();
      await network.start('releases');
      await waitUntil('the fifth is, too', async () => (await horizon()).completeUntilMs > startedMs);
      await network.send('inferences', [inferenceRecord('i')]);
      await network.applied({ inferences: 1 });
      const { appliedUntilMs } = await horizon();
      expect(appliedUntilMs).toBeGreaterThan(startedMs);
      await waitUntil(
        'the record is below the horizon',
        async () => (await horizon()).completeUntilMs >= appliedUntilMs,
      );
    } finally {
      await network.close();
    }
  });
});
