import { describe, expect, it } from 'vitest';

import { valueDecoder } from '../../../services/shared/kafka/decode.js';
import { valueEncoder } from '../../../services/shared/kafka/encode.js';
import { writerType } from '../../../services/shared/kafka/avro-type.js';
import { schemaOf } from '../../../services/shared/kafka/schema-file.js';
import type { SchemaSource } from '../../../services/shared/kafka/registry.js';
import { ERRORS } from '../../../services/shared/errors.js';
import { mutated } from '../../faults/mutations.js';
import { inferenceRecord, paymentRecord, proofRecord, START_MICROS, traffic } from '../runtime/records.fixture.js';

/** BACKTRAIL_MUTATIONS=10000 for more of them, BACKTRAIL_SEED for others. */
const COUNT = Number(process.env['BACKTRAIL_MUTATIONS'] ?? 500);
const SEED = Number(process.env['BACKTRAIL_SEED'] ?? 1);
const STREAMS = ['releases', 'inferences', 'proofs', 'payments'] as const;
const RECORDS = {
  releases: traffic('r', START_MICROS, { v1: 10_000 }),
  inferences: inferenceRecord('i', { session_id: 's', cost: '1' }),
  proofs: proofRecord('p', 'i'),
  payments: paymentRecord('p', { allocations: [{ inference_id: 'i', amount: null }] }),
};

const registry: SchemaSource = {
  writerSchema: (id) => {
    const stream = STREAMS[id - 1];
    return Promise.resolve(
      stream === undefined
        ? { kind: 'unknown', reason: `schema ${id}` }
        : { kind: 'avro', type: writerType(schemaOf(stream)) },
    );
  },
};

describe.each(STREAMS)(`${COUNT} mutated values of %s`, (stream) => {
  it('are records, refused with a code of a dead letter, or wait for their schema', async () => {
    const good = STREAMS.map((one, i) => ({
      key: 'k',
      value: valueEncoder(one, i + 1).encode(RECORDS[one] as never),
    }));
    const own = good.filter((_, i) => STREAMS[i] === stream);
    const decoder = valueDecoder(stream, registry);
    const seen = new Set<string>();
    for (const { value } of mutated(own, good, { seed: SEED, count: COUNT })) {
      await decoder.prepare([value]);
      const decoded = decoder.decode(value);
      seen.add('refused' in decoded ? decoded.refused.code : (Object.keys(decoded)[0] ?? ''));
      if ('refused' in decoded) expect(ERRORS[decoded.refused.code].outcome).toBe('dead-letter');
    }
    expect([...seen]).toEqual(expect.arrayContaining(['ok', 'wait', 'EMPTY_VALUE', 'UNKNOWN_MAGIC', 'UNDECODABLE']));
  });
});
