import { createRequire } from 'node:module';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { quickenRecordNumbers } from '../../../services/shared/kafka/record-numbers.js';
import { check } from '../../properties/check.js';

interface Long {
  readonly value: bigint;
  add(other: Long | number): Long;
  toString(): string;
}
interface Decoder {
  readonly offset: number;
  readVarLong(): Long;
}
interface Encoder {
  readonly buffer: Buffer;
  writeVarLong(value: Long): Encoder;
}

const require = createRequire(import.meta.url);
const LongClass = require('kafkajs/src/utils/long.js') as { fromValue(value: string | bigint): Long };
const DecoderClass = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => Decoder;
const EncoderClass = require('kafkajs/src/protocol/encoder.js') as new () => Encoder;

describe('numbers of records in kafkajs', () => {
  it('are what they were, small and large, and reading goes on behind them', () => {
    quickenRecordNumbers();
    quickenRecordNumbers();
    const deltas = fc.array(
      fc.oneof(fc.bigInt({ min: -600n, max: 600n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 62n })),
    );
    check(deltas, 500, (values) => {
      const encoder = new EncoderClass();
      for (const value of values) encoder.writeVarLong(LongClass.fromValue(value));
      const decoder = new DecoderClass(encoder.buffer);
      expect(values.map(() => decoder.readVarLong().value)).toEqual(values);
      expect(decoder.offset).toBe(encoder.buffer.length);
    });
  });

  it('of text are those of the text, whatever was read before', () => {
    quickenRecordNumbers();
    const read = (text: string): string => LongClass.fromValue(text).add(1).toString();
    expect(['0', '41', '41', '42', '9007199254740993', '41'].map(read)).toEqual(
      ['1', '42', '42', '43', '9007199254740994', '42'], // prettier-ignore
    );
    expect(() => LongClass.fromValue('x')).toThrow();
    expect(read('41')).toBe('42');
  });
});
