import fc, { type Scheduler } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { payment } from '../../../services/payment/definition.js';
import { linkedTo } from '../../../services/payment/linked.js';
import { toRow } from '../../../services/payment/to-row.js';
import { tellApart } from '../../../services/shared/core/copies.js';
import { firstCopies, firstInferences } from '../../../services/shared/core/identity.js';
import type { InferenceFact, PaymentFact } from '../../../services/shared/core/record.js';
import { BacktrailError } from '../../../services/shared/errors.js';
import { createMetrics } from '../../../services/shared/metrics.js';
import { join } from '../../../services/shared/runtime/join.js';
import { Linker } from '../../../services/shared/runtime/linker.js';
import { Partitions, takenOver } from '../../../services/shared/runtime/partitions.js';
import { Progress } from '../../../services/shared/runtime/progress.js';
import { retrying } from '../../../services/shared/runtime/retry.js';
import type { Store } from '../../../services/shared/runtime/store.js';
import { subjectsOf } from '../../../services/shared/runtime/subjects.js';
import { memoryCopies } from './memory-copies.fixture.js';
import { MemoryStore } from './memory-store.fixture.js';
import { START_MS } from './network.fixture.js';
import { inferenceRecord, paymentRecord } from './records.fixture.js';

const PARTITIONS = [0, 1];
const TOPICS = { input: 'payments', releases: 'releases' };

/** The logs of both topics, by partition: what is in them is decided beforehand, who sees it when is not. */
interface Story {
  readonly inferences: readonly InferenceFact[];
  readonly payments: readonly PaymentFact[];
  /** Steps that pass before each inference is there. */
  readonly waits: readonly number[];
  readonly first: {
    /** Steps that it loses at everything it does. */
    readonly slowness: number;
    /** What it does then takes until all others are done; or it is the last thing it ever does. */
    readonly stallsAt: number;
    readonly dies: boolean;
    readonly replacedAfter: number;
    readonly faults: readonly ('before' | 'after' | null)[];
  };
}

const inference = fc
  .record({
    id: fc.constantFrom('i0', 'i1', 'i2'),
    event_id: fc.constantFrom('e0', 'e1', 'e2', 'e3'),
    session_id: fc.constantFrom(null, 's'),
    model_id: fc.constantFrom('m', 'n'),
    cost: fc.constantFrom(null, '1', '3'),
  })
  .map(({ id, ...fields }) => ({ key: id, record: inferenceRecord(id, fields) }));

const paid = fc
  .record({
    id: fc.constantFrom('p0', 'p1'),
    event_id: fc.constantFrom('f0', 'f1', 'f2', 'f3'),
    session_id: fc.constantFrom(null, 's'),
    state: fc.constantFrom('AUTHORISED' as const, 'SETTLED' as const),
    named: fc.array(fc.constantFrom('i0', 'i1', 'i2'), { maxLength: 2 }),
  })
  .map(({ id, named, ...fields }) => {
    const allocations = named.map((inference_id) => ({ inference_id, amount: null }));
    return { key: id, record: paymentRecord(id, { ...fields, allocations }) };
  });

/** Records in the order of their append times, on partitions of their own choice. */
function logOf<T>(record: fc.Arbitrary<{ key: string; record: T }>) {
  const line = fc.record({ line: record, partition: fc.constantFrom(...PARTITIONS), laterMs: fc.nat(2) });
  return fc.array(line, { minLength: 1, maxLength: 6 }).map((lines) => {
    let appendedAtMs = START_MS;
    const ends = new Map<number, bigint>();
    return lines.map(({ line: { key, record: said }, partition, laterMs }) => {
      const offset = ends.get(partition) ?? 0n;
      ends.set(partition, offset + 1n);
      appendedAtMs += laterMs;
      return { record: said, key, position: { partition, offset, appendedAtMs } };
    });
  });
}

const story: fc.Arbitrary<Story> = fc.record({
  inferences: logOf(inference),
  payments: logOf(paid),
  waits: fc.array(fc.nat(15), { minLength: 6, maxLength: 6 }),
  first: fc.record({
    slowness: fc.nat(5),
    stallsAt: fc.nat(50),
    dies: fc.boolean(),
    replacedAfter: fc.nat(60),
    faults: fc.array(fc.constantFrom('before' as const, 'after' as const, null, null), { maxLength: 12 }),
  }),
});

/** A database whose every answer and every write takes its time, and fails before or after it was saved as told. */
function slowly(
  store: MemoryStore,
  step: () => Promise<void>,
  failing: () => 'before' | 'after' | null = () => null,
): Store {
  const later = async <T>(work: () => Promise<T>): Promise<T> => {
    await step();
    return work();
  };
  const { payments } = store;
  return {
    insert: async (table, rows) => {
      const fault = failing();
      if (fault === 'before') throw outage();
      await later(() => store.insert(table, rows));
      if (fault === 'after') throw outage();
    },
    encode: (rows) => store.encode(rows),
    insertEncoded: () => Promise.reject(new Error('no such thing here')),
    facts: () => Promise.reject(new Error('no such thing here')),
    sweepPage: () => Promise.resolve(Buffer.alloc(0)),
    givenUpOffsets: () => Promise.resolve(new Set()),
    heldReleases: () => Promise.resolve(null),
    leftAt: (service, topic) => later(() => store.leftAt(service, topic)),
    payments: {
      records: (of) => later(() => payments.records(of)),
      inferences: (named) => later(() => payments.inferences(named)),
      settledInferences: (topic) => later(() => payments.settledInferences(topic)),
      naming: (spans, page) => later(() => payments.naming(spans, page)),
      waiting: () => payments.waiting(),
      waitingInVain: (limit) => payments.waitingInVain(limit),
    },
  };
}

function outage(): BacktrailError {
  return new BacktrailError('CLICKHOUSE_UNREACHABLE', 'broken to order');
}

/** The payment topic's group: where it was left, and who may still commit. */
class Group {
  readonly committed = new Map<number, bigint>();
  owner: PaymentInstance | null = null;
}

/** A payment service that owns all partitions as long as nobody else says so, and does not notice when somebody does. */
class PaymentInstance {
  readonly linker: Linker;
  readonly #partitions = new Partitions();
  readonly #metrics = createMetrics('payment');
  readonly #progress: Progress;
  readonly #retry = { initialMs: 0, maxMs: 0, signal: new AbortController().signal };

  constructor(
    private readonly store: Store,
    private readonly group: Group,
    private readonly log: readonly PaymentFact[],
  ) {
    const [partitions, metrics] = [this.#partitions, this.#metrics];
    const progress = { soon: () => this.#progress.soon() };
    const compute = (ids: readonly string[]) => join({ kind: 'ids', ids }, { definition: payment, store, metrics });
    const linking = { reads: store.payments, compute, metrics, retry: this.#retry };
    this.linker = new Linker({ topic: 'inferences', partitions, progress, ...linking });
    const ends = { endOffsets: () => Promise.resolve(new Map<number, bigint>()) };
    const following = { following: this.linker, joinsReleases: false };
    this.#progress = new Progress('payment', { topics: TOPICS, store, ends, partitions, metrics, ...following });
  }

  async work(): Promise<void> {
    await this.#take();
    const [applying, linking] = [PARTITIONS.map((partition) => this.#apply(partition)), this.linker.link()];
    await Promise.all([...applying, linking.then(() => this.linker.link())]);
    await this.linker.link();
  }

  async #take(): Promise<void> {
    this.group.owner = this;
    const left = await this.#retrying(() => this.store.leftAt('payment', 'payments'));
    const assigned = PARTITIONS.map((partition) => {
      const nextOffset = this.group.committed.get(partition);
      const committed = nextOffset === undefined ? null : { nextOffset, metadata: '0' };
      return { topic: 'payments', partition, startOffset: 0n, committed };
    });
    const linked = assigned.map(({ partition, committed }) => {
      return [partition, { linked: left.get(partition)?.linked ?? {}, isNew: committed === null }] as const;
    });
    await this.#retrying(() => this.linker.taken(new Map(linked)));
    this.#partitions.take(assigned.map((one) => takenOver(one, { left: left.get(one.partition), releaseOffset: 0n })));
    await this.#retrying(() => this.#progress.flush());
  }

  /** Applies what is not committed, a record at a time. */
  async #apply(partition: number): Promise<void> {
    const state = this.#partitions.of({ topic: 'payments', partition });
    const from = state?.nextOffset ?? 0n;
    const rest = this.log.filter(({ position }) => position.partition === partition && position.offset >= from);
    for (const fact of rest) {
      const { offset } = fact.position;
      const scope = { kind: 'written', written: [fact] } as const;
      await this.#retrying(async () => {
        await this.store.insert('payment_facts', [{ fact }]);
        await this.store.insert('payment_refs', payment.references?.rows([fact]) ?? []);
        await join(scope, { definition: payment, store: this.store, metrics: this.#metrics });
      });
      if (this.group.owner === this) this.group.committed.set(partition, offset + 1n);
      if (state !== null) state.changed = true;
      await this.#retrying(() => this.#progress.flush());
    }
  }

  #retrying<T>(work: () => Promise<T>): Promise<T> {
    return retrying(work, this.#retry);
  }
}

/** What the inference service does with a partition: records, then copies, then progress. */
async function applyInferences(
  partition: number,
  { inferences, waits }: Story,
  { store, memory, steps }: { store: Store; memory: MemoryStore; steps: (count: number) => Promise<void> },
): Promise<void> {
  let settled = 0n;
  // As a service does when it starts: nobody may think that it is the only partition.
  await memory.insert('progress_rows', [progressRow(partition, { nextOffset: 0n, completeUntilMs: 0 })]);
  for (const { record, key, position } of inferences.filter((fact) => fact.position.partition === partition)) {
    await steps(waits[Number(position.offset)] ?? 0);
    await store.insert('inference_rows', [inferenceRow({ record, key, position })]);
    // Now and then, not for each.
    if (position.offset % 2n === 0n) continue;
    await settle({ partition, from: settled, to: position.offset + 1n });
    settled = position.offset + 1n;
  }
  const end = BigInt(inferences.filter(({ position }) => position.partition === partition).length);
  await settle({ partition, from: settled, to: end });

  async function settle(span: { partition: number; from: bigint; to: bigint }): Promise<void> {
    for await (const facts of memoryCopies(memory).sharing('inferences', [span])) {
      const verdicts = tellApart(facts).map(({ fact, finding, copies }) => ({
        stream: 'inferences',
        partition: fact.position.partition,
        offset: String(fact.position.offset),
        event_id: fact.record.event_id,
        subject_id: fact.record.subject_id,
        counts: finding === null,
        copies,
      }));
      await store.insert('copy_rows', verdicts);
    }
    const completeUntilMs = START_MS + Number(span.to);
    await store.insert('progress_rows', [progressRow(partition, { nextOffset: span.to, completeUntilMs })]);
  }
}

function at(partition: number, offset: bigint): InferenceFact['position'] {
  return { partition, offset, appendedAtMs: START_MS + Number(offset) };
}

function inferenceRow({ record, key, position }: InferenceFact): object {
  const { release: claim, ...fields } = record;
  const { partition, offset, appendedAtMs } = position;
  return { ...fields, partition, offset: String(offset), appended_at: appendedAtMs, claim, key, release_offset: '0' };
}

function progressRow(partition: number, at: { nextOffset: bigint; completeUntilMs: number }): object {
  const where = { service: 'inference', topic: 'inferences', partition, next_offset: String(at.nextOffset) };
  return { ...where, complete_until: at.completeUntilMs, updated_at: at.completeUntilMs };
}

async function play(told: Story, scheduler: Scheduler) {
  const { slowness, stallsAt, dies, replacedAfter, faults } = told.first;
  const memory = new MemoryStore();
  const steps = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= 1) await scheduler.schedule(Promise.resolve());
  };
  let release = (): void => undefined;
  const othersAreDone = new Promise<void>((resolve) => {
    release = resolve;
  });
  let done = 0;
  const shakily = async (): Promise<void> => {
    await steps(1 + slowness);
    done += 1;
    if (done <= stallsAt) return;
    if (done === stallsAt + 1) await othersAreDone;
    if (dies) throw new BacktrailError('UNKNOWN', 'dead');
  };
  const [steady, left] = [slowly(memory, () => steps(1)), [...faults]];
  const shaky = slowly(memory, shakily, () => left.pop() ?? null);
  const group = new Group();
  const first = new PaymentInstance(shaky, group, told.payments);
  const second = new PaymentInstance(steady, group, told.payments);
  const zombie = first.work().catch((error: unknown) => {
    if (!(error instanceof BacktrailError)) throw error;
  });
  const successor = steps(replacedAfter).then(() => second.work());
  const served = PARTITIONS.map((partition) => applyInferences(partition, told, { store: steady, memory, steps }));
  await scheduler.waitFor(Promise.all([successor, ...served]));
  // Everything is there and settled, and somebody has the partitions; the other may still be at what it began.
  await scheduler.waitFor(second.linker.link());
  release();
  await scheduler.waitFor(zombie);
  return { memory, linkedUntilMs: PARTITIONS.map((partition) => second.linker.untilMs(partition)) };
}

/** The row that somebody writes who sees everything. */
function expected({ inferences, payments }: Story): object {
  const first = new Set(firstInferences(firstCopies(inferences).counting).values());
  const find = linkedTo(inferences.map((fact) => ({ fact, counts: first.has(fact), copies: 0 })));
  const rows = subjectsOf(payments, ({ payment_id: id }) => id).map((subject) => toRow(subject, find(subject)));
  return contentOf(rows.filter((row) => !('void' in row)));
}

function written(memory: MemoryStore): object {
  return contentOf(memory.rows('payment_rows'));
}

/** What rows say; not how much it rests on. */
function contentOf(rows: readonly object[]): object {
  return Object.fromEntries(
    rows.map((row) => {
      const content = Object.entries(row).filter(([name]) => name !== 'facts' && name !== 'version');
      return [(row as { payment_id: string }).payment_id, Object.fromEntries(content)];
    }),
  );
}

describe('links', () => {
  it('are found whatever comes first, whatever fails, and while two instances believe that a payment is theirs', async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.scheduler(), async (told, scheduler) => {
        const { memory, linkedUntilMs } = await play(told, scheduler);
        expect(written(memory)).toEqual(expected(told));
        const settled = memory.rows('progress_rows').filter((row) => row['service'] === 'inference');
        const completeUntilMs = Math.min(...settled.map((row) => row['complete_until'] as number));
        expect(linkedUntilMs).toEqual(PARTITIONS.map(() => completeUntilMs));
      }),
      { numRuns: 150 },
    );
  });

  it('are said to be found only once their rows are written', async () => {
    const memory = new MemoryStore();
    await memory.insert('progress_rows', [progressRow(0, { nextOffset: 5n, completeUntilMs: START_MS })]);
    let computed: readonly string[] = [];
    const partitions = new Partitions();
    const linker = new Linker({
      topic: 'inferences',
      reads: { ...memory.payments, naming: () => Promise.resolve(['p']) },
      partitions,
      progress: { soon: () => Promise.resolve() },
      compute: (ids) => {
        expect([linker.linked(1), linker.untilMs(1)]).toEqual([{ '0': '3' }, 0]);
        computed = ids;
        return Promise.resolve();
      },
      metrics: createMetrics('payment'),
      retry: { initialMs: 0, maxMs: 0, signal: new AbortController().signal },
    });
    await linker.taken(new Map([[1, { linked: { '0': '3' }, isNew: false }]]));
    await linker.link();
    expect(computed).toEqual(['p']);
    expect([linker.linked(1), linker.untilMs(1)]).toEqual([{ '0': '5' }, START_MS]);
  });

  it('that were found before copies were told apart lose, however late they are written', async () => {
    const memory = new MemoryStore();
    const fact = { record: paymentRecord('p', { session_id: 's' }), key: 'p', position: at(0, 9n) };
    await memory.insert('payment_facts', [{ fact }]);
    const records = [inferenceRecord('i0', { session_id: 's' }), inferenceRecord('i1', { session_id: 's' })];
    for (const [i, record] of records.entries()) {
      await memory.insert('inference_rows', [inferenceRow({ record, key: 'i', position: at(0, BigInt(i)) })]);
    }
    const rows = () => payment.joined?.rows({ kind: 'ids', ids: ['p'] }, { store: memory });
    const early = (await rows()) ?? [];
    const copy = { stream: 'inferences', partition: 0, offset: '1', counts: false, copies: 2 };
    await memory.insert('copy_rows', [copy]);
    await memory.insert('payment_rows', (await rows()) ?? []);
    await memory.insert('payment_rows', early);
    expect(memory.rows('payment_rows')[0]?.['parts']).toHaveLength(1);
  });
});
