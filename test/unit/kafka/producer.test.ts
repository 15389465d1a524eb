import { describe, expect, it } from 'vitest';

import { chunksOf } from '../../../services/shared/kafka/producer.js';

const record = (bytes: number): { key: string; value: Buffer } => ({ key: 'k', value: Buffer.alloc(bytes) });

describe('the parts a list of records is sent in', () => {
  it('keep the order and lose nothing', () => {
    const records = Array.from({ length: 25_000 }, (_, i) => ({ key: String(i), value: null }));
    const chunks = [...chunksOf(records)];
    expect(chunks.flat()).toEqual(records);
    expect(chunks.map((chunk) => chunk.length)).toEqual([10_000, 10_000, 5_000]);
  });

  it('stay below what a broker takes', () => {
    const chunks = [...chunksOf(Array.from({ length: 100 }, () => record(50_000)))];
    for (const chunk of chunks) expect(chunk.length * 50_000).toBeLessThan(900_000);
    expect(chunks.flat()).toHaveLength(100);
  });

  it('hold a record alone that is larger than that', () => {
    expect([...chunksOf([record(1), record(5_000_000), record(1)])].map((chunk) => chunk.length)).toEqual([1, 1, 1]);
  });

  it('are none for no records', () => {
    expect([...chunksOf([])]).toEqual([]);
  });
});
