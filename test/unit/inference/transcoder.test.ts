import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { InferenceRecord } from '../../../schemas/types.generated.js';
import { AVRO_FIELDS } from '../../../services/inference/field-spans.js';
import { InferenceTranscoder } from '../../../services/inference/transcoder.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import { refusal } from '../../../services/shared/core/validate.js';
import { avroType } from '../../../services/shared/kafka/avro-type.js';
import { valueDecoder } from '../../../services/shared/kafka/decode.js';
import { valueEncoder } from '../../../services/shared/kafka/encode.js';
import { type AvroNode, schemaOf } from '../../../services/shared/kafka/schema-file.js';
import type { LogRecord } from '../../../services/shared/runtime/ports.js';
import { check } from '../../properties/check.js';
import { inferenceRecord, minute, releaseRecord } from '../runtime/records.fixture.js';
import { readBlock } from './native-reader.fixture.js';
import { inference, logOf, optional, release, rowOf, text } from './stories.fixture.js';

const START_MS = minute(0) / 1000;
const encoder = valueEncoder('inferences', 7);
const type = avroType(schemaOf('inferences'));
const decoder = valueDecoder('inferences', { writerSchema: () => Promise.resolve({ kind: 'avro', type }) });
await decoder.prepare([encoder.encode(inferenceRecord('i'))]);

function logRecord(value: Buffer, more: Partial<LogRecord> = {}): LogRecord {
  return { offset: 41n, appendedAtMs: START_MS, key: Buffer.from('key'), value, headers: [], ...more };
}

/** The row as the ordinary way makes it, or null where it refuses the record. */
function ordinaryRow(record: LogRecord, log: ReleaseLog): Record<string, unknown> | null {
  const decoded = decoder.decode(record.value);
  if (!('ok' in decoded) || refusal('inferences', decoded.ok, record.appendedAtMs) !== null) return null;
  const position = { partition: 2, offset: record.offset, appendedAtMs: record.appendedAtMs };
  const fact = { record: decoded.ok, key: record.key?.toString() ?? '', position };
  return rowOf(fact, log);
}

/** What may happen to the bytes of a value on their way. */
const damage = fc.oneof(
  { weight: 4, arbitrary: fc.constant((bytes: Buffer) => bytes) },
  fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => (bytes: Buffer) => {
    const damaged = Buffer.from(bytes);
    damaged[5 + (at % (bytes.length - 5))] = byte;
    return damaged;
  }),
  fc.nat(400).map((at) => (bytes: Buffer) => bytes.subarray(0, Math.max(5, bytes.length - at))),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((more) => (bytes: Buffer) => Buffer.concat([bytes, more])),
);

describe('the transcoder', () => {
  it('knows the fields of the schema, in their order', () => {
    const kindOf = (node: AvroNode): string => {
      if (Array.isArray(node))
        return `${node
          .filter((branch) => branch !== 'null')
          .map(kindOf)
          .join()} or null`;
      return typeof node === 'string' ? node : (node.logicalType ?? 'another');
    };
    const fields = schemaOf('inferences').fields.map(({ name: field, type: node }) => [field, kindOf(node)]);
    expect(AVRO_FIELDS).toEqual(fields);
  });

  it('makes the rows that the ordinary way makes, and none of what that refuses', () => {
    const stories = fc.record({
      releases: fc.array(release, { maxLength: 12 }),
      inferences: fc.array(fc.tuple(inference, damage, fc.nat(6), optional(text)), { minLength: 1, maxLength: 30 }),
      millisPerRelease: fc.constantFrom(1, 0.3),
    });
    check(stories, 500, ({ releases, inferences, millisPerRelease }) => {
      const log = logOf(releases, (i) => START_MS + Math.floor(i * millisPerRelease));
      const transcoder = new InferenceTranscoder({ log, nextOffset: log.nextOffset });
      const expected: unknown[] = [];
      for (const [i, [record, damaged, later, key]] of inferences.entries()) {
        const sent = encoder.encode(record);
        const value = damaged(sent);
        const more = { offset: BigInt(i) + 2n ** 33n, appendedAtMs: START_MS + later };
        const entry = logRecord(value, { ...more, key: key === null ? null : Buffer.from(key) });
        const row = ordinaryRow(entry, log);
        if (transcoder.add(entry, 2)) expected.push(row);
        // Damaged bytes may be another record than was sent.
        else if (row !== null && value.equals(sent) && isPlain(record, row))
          expect.fail(`a plain record was not taken: ${JSON.stringify(row)}`);
      }
      const block = transcoder.take();
      expect(block === null ? [] : readBlock(block.bytes)).toEqual(expected);
    });
  });

  it('has the columns it says, and nothing is left of one block in the next', () => {
    const log = logOf([], () => 0);
    const transcoder = new InferenceTranscoder({ log, nextOffset: 0n });
    const first = logRecord(encoder.encode(inferenceRecord('i1', { release: 'v1', cost: '5', agent_id: 'a' })));
    const second = logRecord(encoder.encode(inferenceRecord('i2', { release: 'v2' })));
    expect(transcoder.take()).toBeNull();
    expect(transcoder.add(first, 2)).toBe(true);
    const block = transcoder.take();
    expect(block?.columns).toEqual(Object.keys(readBlock(block?.bytes ?? Buffer.alloc(0))[0] ?? {}));
    expect([...(block?.columns ?? [])].sort()).toEqual(Object.keys(ordinaryRow(first, log) ?? {}).sort());
    expect(transcoder.add(second, 2)).toBe(true);
    expect(readBlock(transcoder.take()?.bytes ?? Buffer.alloc(0))).toEqual([ordinaryRow(second, log)]);
  });

  it('hands out little memory for few rows, which stays as it is while they wait', () => {
    const log = logOf([], () => 0);
    const transcoder = new InferenceTranscoder({ log, nextOffset: 0n });
    const few = ['i1', 'i2', 'i3'].map((id) => logRecord(encoder.encode(inferenceRecord(id))));
    const waiting = few.map((record) => {
      expect(transcoder.add(record, 2)).toBe(true);
      return transcoder.take()?.bytes ?? Buffer.alloc(0);
    });
    for (const [i, bytes] of waiting.entries()) {
      expect(bytes.buffer.byteLength).toBeLessThan(65_536);
      expect(readBlock(bytes)).toEqual([ordinaryRow(few[i] as LogRecord, log)]);
    }
  });

  it('follows the release log as it grows, and as names become too many to remember', () => {
    const log = logOf([releaseRecord({ action: 'TRAFFIC_SET', traffic: { v1: 10_000 } })], () => START_MS);
    const transcoder = new InferenceTranscoder({
      log,
      get nextOffset() {
        return log.nextOffset;
      },
    });
    const rows = (count: number, prefix: string): void => {
      const taken: LogRecord[] = [];
      for (let i = 0; i < count; i += 1) {
        const entry = logRecord(encoder.encode(inferenceRecord('i', { target_id: `${prefix}${i}`, source: `s${i}` })));
        if (transcoder.add(entry, 2)) taken.push(entry);
      }
      const read = readBlock(transcoder.take()?.bytes ?? Buffer.alloc(0));
      expect(read.length).toBe(taken.length);
      expect(taken.length).toBeGreaterThan(0);
      for (let i = 0; i < taken.length; i += 997) expect(read[i]).toEqual(ordinaryRow(taken[i] as LogRecord, log));
    };
    rows(3, 'a');
    const record = { ...releaseRecord({ action: 'TRAFFIC_SET', traffic: { v2: 10_000 } }), event_id: 'later' };
    log.apply({ record, key: 'm', position: { partition: 0, offset: 1n, appendedAtMs: START_MS + 5 } });
    rows(3, 'a');
    rows(40_000, 'b');
    rows(3, 'a');
    rows(70_000, 'c');
    rows(3, 'a');
  });
});

/** Such a record must be taken, or all of this would be for nothing. */
function isPlain({ cost, clock_error_ms: error }: InferenceRecord, row: Record<string, unknown>): boolean {
  const texts = Object.entries(row).filter(([column]) => !['earlier', 'candidates'].includes(column));
  const ascii = texts.every(([, value]) => typeof value !== 'string' || /^[ -~]*$/.test(value));
  return ascii && (error === null || (error >= 0 && error < 2 ** 27)) && (cost ?? '0').length < 78;
}
