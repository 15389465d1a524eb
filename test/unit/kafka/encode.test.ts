import { describe, expect, it } from 'vitest';

import { RecordInvalidError, valueEncoder } from '../../../services/shared/kafka/encode.js';
import { examples } from './fixtures.js';

describe('an encoder', () => {
  const encoder = valueEncoder('inferences', 258);
  const [record] = examples('inferences');
  if (record === undefined) throw new Error('the example is gone');

  it('writes the header of the registry before the record', () => {
    expect([...encoder.encode(record).subarray(0, 5)]).toEqual([0, 0, 0, 1, 2]);
  });

  it('gives each value memory of its own', () => {
    const first = encoder.encode(record);
    const before = Buffer.from(first);
    encoder.encode({ ...record, inference_id: 'another' });
    expect(first.equals(before)).toBe(true);
  });

  it('writes records larger than its buffer, and small ones after them', () => {
    const large = encoder.encode({ ...record, agent_id: 'x'.repeat(300_000) });
    expect(large.length).toBeGreaterThan(300_000);
    expect([...large.subarray(0, 5)]).toEqual([0, 0, 0, 1, 2]);
    expect(encoder.encode(record).length).toBeLessThan(1_000);
  });

  it('names the fields of a record that does not fit', () => {
    const broken = { ...record, model_id: 7, cost: 1.5 } as never;
    expect(() => encoder.encode(broken)).toThrow(RecordInvalidError);
    expect(() => encoder.encode(broken)).toThrow('the record does not fit the schema of inferences: model_id, cost');
  });

  it('refuses traffic shares that are not integers', () => {
    const [release] = examples('releases');
    const broken = { ...release, traffic: { v1: 0.5 } } as never;
    expect(() => valueEncoder('releases', 1).encode(broken)).toThrow('traffic');
  });
});
