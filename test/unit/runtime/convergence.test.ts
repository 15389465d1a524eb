import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { InferenceRecord, ReleaseRecord } from '../../../schemas/types.generated.js';
import { inferenceHistory } from '../../../services/shared/core/histories.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import type { InferenceFact, ReleaseFact } from '../../../services/shared/core/record.js';
import { BacktrailError } from '../../../services/shared/errors.js';
import { positionOf } from '../../../services/shared/runtime/subjects.js';
import { MemoryNetwork, START_MS } from './network.fixture.js';
import { inferenceRecord, minute, releaseRecord } from './records.fixture.js';

/** What may happen, in any order: records arrive, services read, things break, processes die. */
type Step =
  | { readonly do: 'release'; readonly record: ReleaseRecord }
  | { readonly do: 'inference'; readonly record: InferenceRecord; readonly partition: number }
  | { readonly do: 'read'; readonly partition: number }
  | { readonly do: 'learn' }
  | { readonly do: 'break'; readonly what: 'insert' | 'commit'; readonly when: 'before' | 'after' }
  | { readonly do: 'crash' };

const PARTITIONS = 2;
const partition = fc.nat(PARTITIONS - 1);
const ids = fc.constantFrom('i0', 'i1', 'i2', 'i3');
const names = fc.constantFrom('v1', 'v2', 'v3');
const when = fc.integer({ min: 0, max: 9 }).map(minute);
const model = fc.constantFrom('m', 'n');
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });

const release: fc.Arbitrary<ReleaseRecord> = fc.oneof(
  fc
    .record({ model_id: model, effective_at: when, release: names })
    .map(({ release: name, ...fields }) =>
      releaseRecord({ ...fields, action: 'TRAFFIC_SET', traffic: { [name]: 10_000 } }),
    ),
  fc
    .record({ model_id: model, release: names, blob: fc.constantFrom('b1', 'b2') })
    .map(({ blob, ...fields }) => releaseRecord({ ...fields, action: 'PUBLISHED', blob_ids: [blob] })),
  fc
    .record({ model_id: model, release: names, effective_at: when })
    .map((fields) => releaseRecord({ ...fields, action: 'TARGET_BOUND', target_id: 't1' })),
);

const inference = fc
  .record({
    id: ids,
    model_id: model,
    occurred_at: when,
    release: optional(names),
    blob_id: optional(fc.constantFrom('b1', 'b2')),
    target_id: optional(fc.constant('t1')),
    session_id: optional(fc.constantFrom('s1', 's2')),
    cost: optional(fc.constantFrom('1', '3')),
    event_id: optional(fc.constantFrom('shared 1', 'shared 2')),
  })
  .map(({ id, event_id: shared, ...fields }) =>
    inferenceRecord(id, { ...fields, ...(shared === null ? {} : { event_id: shared }) }),
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: release.map((record): Step => ({ do: 'release', record })) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('inference' as const), record: inference, partition }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), partition }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'learn' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('break' as const),
      what: fc.constantFrom('insert' as const, 'commit' as const),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'crash' }) },
);

async function play(steps: readonly Step[], millisPerStep: number): Promise<MemoryNetwork> {
  const network = new MemoryNetwork(PARTITIONS);
  let running = await network.start('inferences', 2);
  let faults: ({ what: 'insert' | 'commit'; when: 'before' | 'after' } | null)[] = [];
  const hit = (what: 'insert' | 'commit', at: 'before' | 'after'): void => {
    const fault = faults.find((one) => one?.what === what && one.when === at);
    if (fault === undefined) return;
    faults = faults.filter((one) => one !== fault);
    throw new BacktrailError(what === 'insert' ? 'CLICKHOUSE_UNREACHABLE' : 'KAFKA_UNREACHABLE', 'broken to order');
  };
  network.store.onInsert = (_table, at) => {
    hit('insert', at);
  };
  network.log.onCommit = (at) => {
    hit('commit', at);
  };

  for (const [i, one] of steps.entries()) {
    const appendedAtMs = START_MS + Math.floor(i * millisPerStep);
    network.log.nowMs = appendedAtMs;
    if (one.do === 'release') network.append('releases', { ...one.record, event_id: `release ${i}` }, { appendedAtMs });
    else if (one.do === 'inference')
      network.append('inferences', one.record, { appendedAtMs, partition: one.partition });
    else if (one.do === 'break') faults.push(one);
    else if (one.do === 'learn') await running.releases.drain();
    else if (one.do === 'read') await running.consumer.deliver('inferences', one.partition);
    else {
      running.crash();
      running = await network.start('inferences', 2);
    }
  }
  await running.drain();
  expect(running.failures).toEqual([]);
  return network;
}

/** What the rows must say, computed at once from all facts. */
function expected(network: MemoryNetwork): unknown {
  const facts = network.log.partitionsOf('releases')[0]?.records ?? [];
  const log = ReleaseLog.of(
    facts.map(({ offset, appendedAtMs, value, key }): ReleaseFact => ({
      record: JSON.parse(String(value)) as ReleaseRecord,
      key: String(key),
      position: { partition: 0, offset, appendedAtMs },
    })),
  );
  const logged = network.log.partitionsOf('inferences').flatMap(({ records }, partition) =>
    records.map(({ offset, appendedAtMs, value, key }): InferenceFact => ({
      record: JSON.parse(String(value)) as InferenceRecord,
      key: String(key),
      position: { partition, offset, appendedAtMs },
    })),
  );
  return Object.fromEntries(
    logged.map((fact) => [
      positionOf(fact),
      inferenceHistory(fact, log.model(fact.record.model_id)).map(({ knownAtMs, value }) => [
        knownAtMs,
        value.status,
        value.release,
        value.phase,
        value.activation,
        value.findings,
        value.candidates,
      ]),
    ]),
  );
}

function written(network: MemoryNetwork): unknown {
  type Columns = Readonly<Record<string, unknown>>;
  const said = ['known_at', 'status', 'release', 'phase', 'activation', 'findings', 'candidates'];
  return Object.fromEntries(
    network.store.rows('inference_rows').map((row) => {
      const history = [...(row['earlier'] as Columns[]), row];
      return [
        `${String(row['partition'])} ${String(row['offset'])}`,
        history.map((columns) => said.map((name) => columns[name])),
      ];
    }),
  );
}

it('whatever the order, whatever breaks, the rows are those computed at once from all facts (L1, L2, L4)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      // Below one, several records share a millisecond, as those of one Kafka batch do.
      fc.constantFrom(1, 0.4, 0.1),
      async (steps, millisPerStep) => {
        const network = await play(steps, millisPerStep);
        expect(written(network)).toEqual(expected(network));
      },
    ),
    { numRuns: 200 },
  );
});
