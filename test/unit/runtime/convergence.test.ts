import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { InferenceRecord, PaymentRecord, ReleaseRecord } from '../../../schemas/types.generated.js';
import { inferenceHistory, paymentHistory } from '../../../services/shared/core/histories.js';
import { firstCopies, firstInferences } from '../../../services/shared/core/identity.js';
import { groupBy } from '../../../services/shared/core/group.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import type { ReleaseFact } from '../../../services/shared/core/record.js';
import { BacktrailError } from '../../../services/shared/errors.js';
import { MemoryNetwork, START_MS, type Running } from './network.fixture.js';
import { inferenceRecord, minute, paymentRecord, releaseRecord } from './records.fixture.js';

/** What may happen, in any order: records arrive, services read, things break, processes die. */
type Step =
  | { readonly do: 'release'; readonly record: ReleaseRecord }
  | { readonly do: 'inference'; readonly record: InferenceRecord; readonly partition: number }
  | { readonly do: 'payment'; readonly record: PaymentRecord; readonly partition: number }
  | { readonly do: 'read'; readonly who: Reader; readonly partition: number }
  | { readonly do: 'learn' }
  | { readonly do: 'break'; readonly what: 'insert' | 'commit'; readonly when: 'before' | 'after' }
  | { readonly do: 'crash'; readonly who: Reader };
type Reader = 'inferences' | 'payments';

const PARTITIONS = 2;
const partition = fc.nat(PARTITIONS - 1);
const reader = fc.constantFrom<Reader>('inferences', 'payments');
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

const payment = fc
  .record({
    id: fc.constantFrom('p0', 'p1'),
    state: fc.constantFrom('AUTHORISED' as const, 'SETTLED' as const, 'REVERSED' as const),
    occurred_at: when,
    session_id: optional(fc.constantFrom('s1', 's2')),
    allocated: fc.array(ids, { maxLength: 2 }),
    event_id: fc.constantFrom('e1', 'e2', 'e3', 'e4'),
  })
  .map(({ id, allocated, ...fields }) =>
    paymentRecord(id, { ...fields, allocations: allocated.map((name) => ({ inference_id: name, amount: null })) }),
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: release.map((record): Step => ({ do: 'release', record })) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('inference' as const), record: inference, partition }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('payment' as const), record: payment, partition }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), who: reader, partition }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'learn' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('break' as const),
      what: fc.constantFrom('insert' as const, 'commit' as const),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), who: reader }) },
);

const TOPIC: Record<Reader, Reader> = { inferences: 'inferences', payments: 'payments' };

async function play(steps: readonly Step[], millisPerStep: number): Promise<MemoryNetwork> {
  const network = new MemoryNetwork(PARTITIONS);
  const running: Record<Reader, Running> = {
    inferences: (await network.start('inferences', 2)) as unknown as Running,
    payments: (await network.start('payments', 2)) as unknown as Running,
  };
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
    else if (one.do === 'payment') network.append('payments', one.record, { appendedAtMs, partition: one.partition });
    else if (one.do === 'break') faults.push(one);
    else if (one.do === 'learn') await running.inferences.releases.drain();
    else if (one.do === 'read') await running[one.who].consumer.deliver(TOPIC[one.who], one.partition);
    else {
      running[one.who].crash();
      running[one.who] = (await network.start(one.who, 2)) as unknown as Running;
    }
  }
  await running.inferences.drain();
  await running.payments.drain();
  expect([...running.inferences.failures, ...running.payments.failures]).toEqual([]);
  return network;
}

/** What the rows must say, computed at once from all facts. */
function expected(network: MemoryNetwork): { inferences: unknown; payments: unknown } {
  const facts = network.log.partitionsOf('releases')[0]?.records ?? [];
  const log = ReleaseLog.of(
    facts.map(({ offset, appendedAtMs, value, key }): ReleaseFact => ({
      record: JSON.parse(String(value)) as ReleaseRecord,
      key: String(key),
      position: { partition: 0, offset, appendedAtMs },
    })),
  );
  const inferences = firstInferences(firstCopies(network.store.allFacts('inferences')).counting);
  const payments = groupBy(firstCopies(network.store.allFacts('payments')).counting, ({ record }) => record.payment_id);
  return {
    inferences: Object.fromEntries(
      [...inferences].map(([id, fact]) => [
        id,
        inferenceHistory(fact, log.model(fact.record.model_id)).map(({ knownAtMs, value }) => [
          knownAtMs,
          value.status,
          value.release,
          value.phase,
          value.activation,
          value.findings,
        ]),
      ]),
    ),
    payments: Object.fromEntries(
      [...payments].map(([id, own]) => [
        id,
        paymentHistory(own, linked([...inferences.values()], own)).map(({ knownAtMs, value }) => [
          knownAtMs,
          value.payment.state,
          value.parts.map((part) => [part.inferenceId, part.amount.toString()]),
          value.unlinked.toString(),
        ]),
      ]),
    ),
  };
}

type Inferences = Parameters<typeof paymentHistory>[1];

function linked(inferences: Inferences, payments: Parameters<typeof paymentHistory>[0]): Inferences {
  return inferences.filter(({ record }) =>
    payments.some(
      ({ record: paid }) =>
        paid.allocations.some((one) => one.inference_id === record.inference_id) ||
        (paid.session_id !== null && paid.session_id === record.session_id),
    ),
  );
}

function written(network: MemoryNetwork): { inferences: unknown; payments: unknown } {
  type Columns = Readonly<Record<string, unknown>>;
  const history = (row: Columns): Columns[] => [...(row['earlier'] as Columns[]), row];
  const rows = (table: string, id: string, pick: (columns: Columns) => unknown[]): object =>
    Object.fromEntries(network.store.rows(table).map((row) => [String(row[id]), history(row).map(pick)]));
  return {
    inferences: rows('inference_rows', 'inference_id', (row) =>
      ['known_at', 'status', 'release', 'phase', 'activation', 'findings'].map((name) => row[name]),
    ),
    payments: rows('payment_rows', 'payment_id', (row) => [
      row['known_at'],
      row['state'],
      (row['parts'] as { inference_id: string; amount: string }[]).map((part) => [part.inference_id, part.amount]),
      row['unlinked'],
    ]),
  };
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
