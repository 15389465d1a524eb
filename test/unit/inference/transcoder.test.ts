import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { InferenceRecord, ReleaseRecord } from '../../../schemas/types.generated.js';
import { AVRO_FIELDS } from '../../../services/inference/field-spans.js';
import { toRow } from '../../../services/inference/to-row.js';
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
  const row = toRow(fact, { log, nextOffset: log.nextOffset }) as unknown as Record<string, unknown>;
  const { cost } = decoded.ok;
  // As ClickHouse has them.
  const columns = { offset: Number(row['offset']), release_offset: Number(row['release_offset']) };
  return { ...row, ...columns, cost: cost === null ? null : BigInt(cost).toString() };
}

function logOf(releases: readonly ReleaseRecord[], appendedAtMs: (i: number) => number): ReleaseLog {
  return ReleaseLog.of(
    releases.map((record, i) => ({
      record: { ...record, event_id: `r${i}` },
      key: record.model_id,
      position: { partition: 0, offset: BigInt(i), appendedAtMs: appendedAtMs(i) },
    })),
  );
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const model = fc.constantFrom('m', 'n');
const name = fc.constantFrom('v1', 'v2', 'v3');
const target = fc.constantFrom('t1', 't2');
const blob = fc.constantFrom('b1', 'b2', 'b3');
const someTime = fc.integer({ min: 0, max: 9 }).map(minute);

const release: fc.Arbitrary<ReleaseRecord> = fc.oneof(
  fc
    .record({ model_id: model, effective_at: someTime, one: name, two: name, share: fc.constantFrom(10_000, 4_000, 0) })
    .map(({ one, two, share, ...fields }) =>
      releaseRecord({ ...fields, action: 'TRAFFIC_SET', traffic: { [two]: 10_000 - share, [one]: share } }),
    ),
  fc
    .record({ model_id: model, effective_at: someTime, release: name, to: name })
    .map((fields) => releaseRecord({ ...fields, action: 'ROLLED_BACK' })),
  fc
    .record({ model_id: model, release: name, blob_ids: fc.array(blob, { maxLength: 2 }) })
    .map((fields) => releaseRecord({ ...fields, action: 'PUBLISHED' })),
  fc
    .record({
      action: fc.constantFrom('TARGET_BOUND' as const, 'TARGET_UNBOUND' as const),
      ...{ model_id: model, effective_at: someTime, release: name, target_id: target },
    })
    .map(releaseRecord),
);

const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'a'.repeat(512), 'a'.repeat(513), 'é'.repeat(256), '\n', '\x7f', '\x85'),
  },
);
const digits = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 18n }).map(String),
  fc.bigInt({ min: 0n, max: 2n ** 257n }).map(String),
  fc.constantFrom(
    '0',
    '007',
    '',
    '-1',
    '1.5',
    '1e3',
    ' 1',
    '9'.repeat(18),
    '9'.repeat(19),
    '0'.repeat(90),
    String(2n ** 256n),
  ),
);

const inference: fc.Arbitrary<InferenceRecord> = fc.record({
  event_id: text,
  occurred_at: fc.oneof(
    { weight: 9, arbitrary: fc.tuple(someTime, fc.constantFrom(0, 1, -1, 999_000, -2_000_001)).map(([a, b]) => a + b) },
    { weight: 1, arbitrary: fc.constantFrom(0, -1, -5_000_000, 1_577_836_800_000_000, 2 ** 52, minute(1441)) },
  ),
  source: text,
  source_ref: optional(text),
  inference_id: text,
  model_id: fc.oneof({ weight: 4, arbitrary: model }, { weight: 1, arbitrary: text }),
  requested_model: optional(text),
  release: optional(fc.oneof({ weight: 4, arbitrary: name }, { weight: 1, arbitrary: text })),
  blob_id: optional(fc.oneof({ weight: 4, arbitrary: blob }, { weight: 1, arbitrary: text })),
  target_id: optional(fc.oneof({ weight: 4, arbitrary: target }, { weight: 1, arbitrary: text })),
  agent_id: optional(text),
  session_id: optional(text),
  request_hash: optional(text),
  output_hash: optional(text),
  cost: optional(digits),
  clock_error_ms: optional(fc.constantFrom(0, 1, 1000, 60_000, 120_000, -1, 2 ** 31 - 1, -(2 ** 31))),
});

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
        else if (row !== null && isPlain(record, row))
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
