import fc from 'fast-check';
import { keyOf } from '../../schemas/topics.js';
import { fillFields, recordFields } from '../../services/scenario/record-fields.js';
import type { Fact, RecordOf, Stream } from '../../services/shared/core/record.js';
import type { Records } from '../../services/shared/core/trail.js';
import type { Question } from '../../services/shared/core/question.js';

/**
 * Random small stories, told so that everything collides: few ids, few times that are a handful of ticks apart, late,
 * back-dated and out of order, copies and conflicts, flags of every scope.
 */
const STREAMS: readonly Stream[] = ['releases', 'inferences', 'proofs', 'payments', 'agents'];

const START_MS = Date.UTC(2026, 2, 10, 10);
const TICK_MS = 60_000;
const TICKS = 7;

export const MODELS = ['m', 'n'];
export const RELEASES = ['v1', 'v2', 'v3'];
export const INFERENCES = ['i1', 'i2', 'i3', 'i4'];
export const PAYMENTS = ['p1', 'p2'];
const AGENTS = ['A', 'B', 'C', 'D'];
const ZERO = '0x00';

/** What a story writes: a record of a topic, and when the log has it. */
interface Telling {
  readonly stream: Stream;
  readonly appendedAtMs: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function tickMs(tick: number): number {
  return START_MS + tick * TICK_MS;
}

function micros(tick: number): number {
  return tickMs(tick) * 1000;
}

/** A value of a small set, or nothing. */
function maybe<T>(values: readonly T[], nothings = 1): fc.Arbitrary<T | null> {
  return fc.constantFrom<T | null>(...values, ...Array.from({ length: nothings }, () => null));
}

const tick = fc.integer({ min: 0, max: TICKS });
const time = tick.map(micros);
const optionalTime = fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: time });
const model = fc.oneof({ weight: 12, arbitrary: fc.constant('m') }, { weight: 1, arbitrary: fc.constant('n') });
const rareTime = fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: time });
const release = fc.constantFrom(...RELEASES);
const split = fc.constantFrom<Record<string, number>>(
  { v1: 10_000 },
  { v2: 10_000 },
  { v3: 10_000 },
  { v1: 9000, v2: 1000 },
  { v2: 3333, v1: 3333, v3: 3334 },
  { v1: 0, v2: 10_000 },
  {},
);
const target = fc.constantFrom('t1', 't2');
const flagId = fc.constantFrom('f', 'g');

const RELEASE_ACTIONS: Readonly<Record<string, fc.Arbitrary<Record<string, unknown>>>> = {
  TRAFFIC_SET: fc.record({ traffic: split, effective_at: optionalTime }),
  ROLLED_BACK: fc.record({
    release,
    to: release,
    traffic: maybe([{ v1: 10_000 }, { v1: 1, v2: 9999 }], 4),
    effective_at: optionalTime,
  }),
  FLAGGED: fc.record({
    release,
    flag_id: flagId,
    severity: fc.constant('HIGH'),
    activation: maybe([1, 2, 3], 9),
    from: rareTime,
    until: rareTime,
    targets: maybe([['t1'], ['t1', 't2']], 9),
  }),
  UNFLAGGED: fc.record({ flag_id: flagId }),
  INCIDENT_CLOSED: fc.record({ release }),
  PUBLISHED: fc.record({ release, blob_ids: fc.subarray(['b1', 'b2', 'b3'], { minLength: 1 }) }),
  TARGET_BOUND: fc.record({ target_id: target, release, effective_at: optionalTime }),
  TARGET_UNBOUND: fc.record({ target_id: target, release, effective_at: optionalTime }),
};

/** What a story is mostly about: how often each stream, and each release action, speaks. */
interface Theme {
  readonly streams: Readonly<Partial<Record<Stream, number>>>;
  readonly actions: Readonly<Record<string, number>>;
}

const EVENTFUL = { TRAFFIC_SET: 5, ROLLED_BACK: 3, FLAGGED: 4, UNFLAGGED: 1, INCIDENT_CLOSED: 2 };
const THEMES: readonly Theme[] = [
  {
    streams: { releases: 5, inferences: 4 },
    actions: { TRAFFIC_SET: 4, PUBLISHED: 4, TARGET_BOUND: 4, TARGET_UNBOUND: 2 },
  },
  { streams: { releases: 5, inferences: 4, payments: 4 }, actions: EVENTFUL },
  { streams: { releases: 3, inferences: 4, agents: 6 }, actions: { TRAFFIC_SET: 4, ROLLED_BACK: 1 } },
  { streams: { releases: 1 }, actions: EVENTFUL },
  {
    streams: { releases: 6, inferences: 5, proofs: 3, payments: 3, agents: 3 },
    actions: { ...EVENTFUL, PUBLISHED: 2, TARGET_BOUND: 2, TARGET_UNBOUND: 1 },
  },
];

function weighted(weights: Readonly<Record<string, number>>): fc.Arbitrary<string> {
  return fc.oneof(...Object.entries(weights).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name) })));
}

const FIELDS: { readonly [S in Exclude<Stream, 'releases'>]: fc.Arbitrary<Record<string, unknown>> } = {
  inferences: fc.record({
    inference_id: fc.constantFrom(...INFERENCES),
    model_id: model,
    release: maybe([...RELEASES, 'v9'], 6),
    blob_id: maybe(['b1', 'b2', 'b9'], 5),
    target_id: maybe(['t1', 't2'], 4),
    agent_id: maybe(AGENTS),
    session_id: maybe(['S'], 2),
    cost: maybe(['0', '1', '3']),
    clock_error_ms: maybe([-TICK_MS, 0, TICK_MS, 3 * TICK_MS], 2),
  }),
  proofs: fc.record({
    proof_id: fc.constantFrom('q1', 'q2'),
    inference_id: fc.constantFrom(...INFERENCES),
    path: fc.constantFrom('TEE', 'ZKML'),
    state: fc.constantFrom('SUBMITTED', 'VERIFIED', 'FAILED', 'UNVERIFIABLE'),
  }),
  payments: fc.record({
    payment_id: fc.constantFrom(...PAYMENTS),
    state: fc.constantFrom(
      ...Array.from({ length: 8 }, () => 'SETTLED'),
      'AUTHORISED',
      'FAILED',
      'REFUNDED',
      'REVERSED',
    ),
    amount: fc.constantFrom('0', '1', '7', '100'),
    asset: fc.constant('OPG'),
    network: fc.constant('n'),
    payer: fc.constant(ZERO),
    payee: fc.constant(ZERO),
    session_id: maybe(['S']),
    model_id: maybe(MODELS),
    allocations: fc.array(
      fc.record({ inference_id: fc.constantFrom(...INFERENCES, 'ghost'), amount: maybe(['0', '1', '5']) }),
      { maxLength: 4 },
    ),
  }),
  agents: fc.record({
    agent_id: fc.constantFrom(...AGENTS),
    change_id: fc.constantFrom('c1', 'c2', 'c3'),
    action: fc.constantFrom('CHANGED', 'CHANGED', 'REVERTED', 'ACKNOWLEDGED'),
    kind: fc.constantFrom('PROMPT', 'POLICY'),
    model_id: maybe(MODELS, 2),
    before_digest: maybe(['d0', 'd1']),
    after_digest: maybe(['d0', 'd1']),
    caused_by: fc.subarray(INFERENCES),
    upstream_agent_ids: fc.subarray(AGENTS),
    reverts_change_id: maybe(['c1', 'c2'], 2),
  }),
};

function fieldsOf(topic: Stream, theme: Theme): fc.Arbitrary<Record<string, unknown>> {
  if (topic !== 'releases') return FIELDS[topic];
  const action = weighted(theme.actions).chain((name) =>
    (RELEASE_ACTIONS[name] as fc.Arbitrary<Record<string, unknown>>).map((fields) => ({ ...fields, action: name })),
  );
  return fc.tuple(action, model).map(([fields, model_id]) => ({ ...fields, model_id }));
}

/** `copyOf` makes some records a copy of an earlier event: the same, or another one under its event_id. */
const tellingOf = (theme: Theme) =>
  weighted(theme.streams).chain((name) => {
    const topic = name as Stream;
    return fc.record({
      topic: fc.constant(topic),
      fields: fieldsOf(topic, theme),
      occurred: tick,
      delay: fc.oneof(
        { weight: 2, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: TICKS }) },
      ),
      copyOf: fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(5) }),
      same: fc.boolean(),
    });
  });

/** The facts of a story: every topic in its own offsets, in append order, all but releases on two partitions. */
const storyOf = (themes: readonly Theme[]): fc.Arbitrary<Records> =>
  fc
    .constantFrom(...themes)
    .chain((theme) => fc.noBias(fc.array(tellingOf(theme), { minLength: 10, maxLength: 44, size: 'max' })))
    .map((lines) => {
      const tellings: Telling[] = [];
      for (const [i, line] of lines.entries()) {
        const earlier = tellings.filter(({ stream }) => stream === line.topic);
        const original = line.copyOf === null ? undefined : earlier[line.copyOf % Math.max(earlier.length, 1)];
        const fields = { ...line.fields, event_id: `e${i}`, source: 'story', occurred_at: micros(line.occurred) };
        const copy = line.same ? original?.fields : { ...fields, event_id: original?.fields['event_id'] };
        tellings.push({
          stream: line.topic,
          appendedAtMs: tickMs(line.occurred + line.delay),
          fields: original === undefined || copy === undefined ? fields : copy,
        });
      }
      return factsOf(tellings.sort((a, b) => a.appendedAtMs - b.appendedAtMs));
    });

export const story = storyOf(THEMES);
/** Much traffic, back and forth, and what else says who served a request. */
export const evidenceStory = storyOf([
  {
    streams: { releases: 6, inferences: 4 },
    actions: { TRAFFIC_SET: 6, PUBLISHED: 1, TARGET_BOUND: 1, TARGET_UNBOUND: 1 },
  },
]);

function factsOf(tellings: readonly Telling[]): Records {
  const facts: { [S in Stream]: Fact<RecordOf[S]>[] } = {
    releases: [],
    inferences: [],
    proofs: [],
    payments: [],
    agents: [],
  };
  for (const { stream: topic, fields, appendedAtMs } of tellings) {
    const record = fillFields(recordFields(topic), fields, () => null) as unknown as RecordOf[Stream];
    const key = keyOf(topic, record as never);
    const partition = topic === 'releases' ? 0 : key.charCodeAt(key.length - 1) % 2;
    const offset = BigInt(facts[topic].filter((fact) => fact.position.partition === partition).length);
    (facts[topic] as Fact<RecordOf[Stream]>[]).push({ record, key, position: { partition, offset, appendedAtMs } });
  }
  return facts;
}

/** The moments at which what is known changes, and one before and after all of them. */
export function moments(records: Records): number[] {
  const times = STREAMS.flatMap((topic) => records[topic].map((fact) => fact.position.appendedAtMs));
  return [...new Set([tickMs(-1), ...times, tickMs(3 * TICKS)])].sort((a, b) => a - b);
}

/** Every question that a story can be asked. */
export function questions(): Question[] {
  const inferences = [...INFERENCES, 'ghost'];
  return [
    ...MODELS.flatMap((of): Question[] => [
      { ask: 'windows', model: of },
      { ask: 'alerts', model: of },
      { ask: 'incidents', model: of },
      ...[0, 3, 6, 9].map((at): Question => ({ ask: 'timeline', model: of, at: micros(at) })),
      ...RELEASES.flatMap((name): Question[] => [
        { ask: 'taint', model: of, release: name },
        { ask: 'payments', model: of, release: name },
        { ask: 'payments', model: of, release: name, activation: 2 },
        { ask: 'agents', model: of, release: name },
        { ask: 'agents', model: of, release: name, activation: 2 },
      ]),
    ]),
    ...inferences.flatMap((inference): Question[] =>
      (['served', 'blob', 'proof', 'trail'] as const).map((ask) => ({ ask, inference })),
    ),
    ...PAYMENTS.map((payment): Question => ({ ask: 'payment', payment })),
  ];
}
