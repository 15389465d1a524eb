import fc from 'fast-check';

import type { InferenceRecord, ReleaseRecord } from '../../../schemas/types.generated.js';
import { toRow } from '../../../services/inference/to-row.js';
import type { InferenceFact } from '../../../services/shared/core/record.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import { minute, releaseRecord } from '../runtime/records.fixture.js';

/** The row of an inference, with numbers as ClickHouse has them. */
export function rowOf(fact: InferenceFact, log: ReleaseLog): Record<string, unknown> {
  const row = toRow(fact, { log, nextOffset: log.nextOffset }) as unknown as Record<string, unknown>;
  const { cost } = fact.record;
  const columns = { offset: Number(row['offset']), release_offset: Number(row['release_offset']) };
  return { ...row, ...columns, cost: cost === null ? null : BigInt(cost).toString() };
}

export function logOf(releases: readonly ReleaseRecord[], appendedAtMs: (i: number) => number): ReleaseLog {
  return ReleaseLog.of(
    releases.map((record, i) => ({
      record: { ...record, event_id: `r${i}` },
      key: record.model_id,
      position: { partition: 0, offset: BigInt(i), appendedAtMs: appendedAtMs(i) },
    })),
  );
}

export const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const model = fc.constantFrom('m', 'n');
const name = fc.constantFrom('v1', 'v2', 'v3');
const target = fc.constantFrom('t1', 't2');
const blob = fc.constantFrom('b1', 'b2', 'b3');
const someTime = fc.integer({ min: 0, max: 9 }).map(minute);

/** Releases of two models, in any order. */
export const release: fc.Arbitrary<ReleaseRecord> = fc.oneof(
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

export const text = fc.oneof(
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

/** Inferences of them with whatever a source may say: much of it is refused. */
export const inference: fc.Arbitrary<InferenceRecord> = fc.record({
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
