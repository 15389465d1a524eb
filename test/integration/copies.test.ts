import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { InferenceRecord } from '../../schemas/types.generated.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { clickHouseCopies } from '../../services/shared/clickhouse/copies.js';
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
      const complete = async () => {
        const [row] = await network.select<{ ms: string; n: string }>(
          'SELECT toUnixTimestamp64Milli(min(complete_until)) AS ms, count() AS n FROM progress',
        );
        return row;
      };
      await network.start('inferences');
      await waitUntil('the inferences are complete', async () => Number((await complete())?.ms) > 0);
      const before = Number((await complete())?.ms);
      await waitUntil('time goes by', async () => Number((await complete())?.ms) > before);
    } finally {
      await network.close();
    }
  });
});
