import { describe, expect, it } from 'vitest';
import { keyOf } from '../../../schemas/topics.js';
import { differencesOf } from '../../../services/demo/compare.js';
import type { TrailRecord } from '../../../services/demo/sending.js';
import { EVENTS_MIN, generateTraffic, STORY_MS } from '../../../services/demo/traffic.js';
import { answer } from '../../../services/shared/core/answer.js';
import type { Fact, RecordOf, Stream } from '../../../services/shared/core/record.js';
import { Trail, type Records } from '../../../services/shared/core/trail.js';
import { refusal } from '../../../services/shared/core/validate.js';

const startMs = Date.UTC(2026, 2, 10, 5);
const HOUR_MS = 3_600_000;

/** A log that appends the records in send order, a few in each millisecond, but none in that of a release record. */
function logOf(records: readonly TrailRecord[]) {
  const facts: { [S in Stream]: Fact<RecordOf[S]>[] } = {
    releases: [],
    inferences: [],
    proofs: [],
    payments: [],
    agents: [],
  };
  const refused = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
  let appendedAtMs = startMs + STORY_MS;
  let previous: Stream = 'releases';
  for (const [i, { stream, record }] of records.entries()) {
    if (i % 20 === 0 || (stream === 'releases') !== (previous === 'releases')) appendedAtMs += 1;
    previous = stream;
    if (refusal(stream, record as never, appendedAtMs) !== null) {
      refused[stream] += 1;
      continue;
    }
    const position = { partition: 0, offset: BigInt(i), appendedAtMs };
    (facts[stream] as Fact<unknown>[]).push({ record, key: keyOf(stream, record as never), position });
  }
  return { facts: facts as Records, refused, lastMs: appendedAtMs };
}

describe('the traffic of the demo', () => {
  it.each([
    [EVENTS_MIN, 1],
    [2000, 2],
    [3000, 3],
    [3000, 44],
  ])('knows by itself what the core works out: %i events of seed %i', (events, seed) => {
    const { records, truth } = generateTraffic({ events, seed, startMs });
    const { facts, refused, lastMs } = logOf(records);
    const trail = Trail.of(facts, lastMs);
    const differences = truth.expectations.flatMap((each) => differencesOf(each, answer(trail, each.question)));
    expect(differences).toEqual([]);
    expect(refused).toEqual(truth.refused);
    for (const fact of trail.inferences.values()) {
      const { status, release, activation, phase } = trail.verdict(fact);
      expect(truth.requests.get(fact.record.inference_id)).toEqual({ status, release, activation, phase });
    }
    expect(trail.inferences.size).toBe(truth.requests.size);
  });

  it('is the same for the same seed and start, and shares no id with another', () => {
    const options = { events: 1500, seed: 7, startMs };
    expect(generateTraffic(options)).toEqual(generateTraffic(options));
    const ids = (records: readonly TrailRecord[]): Set<string> =>
      new Set(records.flatMap(({ stream, record }) => [record.event_id, keyOf(stream, record as never)]));
    const others = [generateTraffic({ ...options, seed: 8 }), generateTraffic({ ...options, startMs: startMs + 1000 })];
    for (const other of others) {
      const known = ids(generateTraffic(options).records);
      expect([...ids(other.records)].filter((id) => known.has(id))).toEqual([]);
    }
  });

  it('has exactly as many records as asked for, all of the past, and everything the story needs', () => {
    const { records, truth } = generateTraffic({ events: 2345, seed: 5, startMs });
    expect(records).toHaveLength(2345);
    expect(records.every(({ record }) => record.occurred_at <= (startMs + STORY_MS) * 1000)).toBe(true);
    const lastServedAt = Math.max(
      ...records.flatMap(({ stream, record }) => (stream === 'inferences' ? [record.occurred_at] : [])),
    );
    // Proofs are due twenty minutes after: all that are missing are overdue, whenever the demo is run.
    expect(lastServedAt).toBeLessThan((startMs + STORY_MS - HOUR_MS / 2) * 1000);
    const asked = new Set(truth.expectations.map(({ question }) => question.ask));
    expect([...asked].sort()).toEqual([
      'agents',
      'alerts',
      'blob',
      'incident',
      'incidents',
      'payment',
      'payments',
      'proof',
      'served',
      'taint',
      'timeline',
      'windows',
    ]);
    const alerts = truth.expectations.flatMap(({ question, answer: list }) =>
      question.ask === 'alerts' ? (list as { kind: string; state: string; retroactive: boolean; late: boolean }[]) : [],
    );
    const kinds = new Set(
      alerts.map(({ kind, state, retroactive, late }) => [kind, state, retroactive, late].join(' ')),
    );
    for (const kind of [
      'SETTLED_ON_FLAGGED firing true true',
      'SETTLED_ON_FLAGGED firing true false',
      'SETTLED_ON_FLAGGED firing false true',
      'SETTLED_ON_FLAGGED resolved true false',
      'STALE_SERVING firing false false',
      'STALE_SERVING resolved false false',
      'FLAGGED_REACTIVATED firing false false',
    ]) {
      expect([...kinds]).toContain(kind);
    }
    for (const count of [
      truth.unknown.ambiguous,
      truth.unknown.unattributed,
      truth.unknown.pending,
      truth.unknown.waiting,
    ]) {
      expect(count).toBeGreaterThan(0);
    }
    const agents = truth.expectations.find(({ question }) => question.ask === 'agents')?.answer as Record<
      string,
      unknown[]
    >;
    for (const [name, list] of Object.entries(agents)) expect(list.length, name).toBeGreaterThan(0);
  });

  it('says how many events it needs at least', () => {
    expect(() => generateTraffic({ events: 10, seed: 1, startMs })).toThrow('at least 1000 events');
  });

  it.each(Array.from({ length: 12 }, (_, i) => i + 100))(
    'has room for the story in the fewest events, seed %i',
    (seed) => {
      expect(generateTraffic({ events: EVENTS_MIN, seed, startMs }).records).toHaveLength(EVENTS_MIN);
    },
  );
});

describe('the comparison with the truth', () => {
  const question = { ask: 'taint', model: 'm', release: 'v2' } as const;

  it('finds a field that differs, however deep, and names it', () => {
    const expectation = { question, answer: { certain: ['a'], amount: { tainted: '1', possible: '0' } } };
    const actual = { certain: ['a'], amount: { tainted: '2', possible: '0' }, more: true };
    expect(differencesOf(expectation, actual)).toEqual([
      { question, path: 'amount.tainted', expected: '1', actual: '2' },
    ]);
  });

  it.each([
    ['one is missing', ['a'], []],
    ['one is too many', ['a'], ['a', 'b']],
    ['the order is another', ['a', 'b'], ['b', 'a']],
  ])('compares lists whole: %s', (_name, expected, actual) => {
    expect(differencesOf({ question, answer: { certain: expected } }, { certain: actual })).not.toEqual([]);
  });

  it('does not expect the time at which an alert was raised', () => {
    const alert = { kind: 'STALE_SERVING', subject: '1' };
    const expectation = { question: { ask: 'alerts', model: 'm' } as const, answer: [alert] };
    expect(differencesOf(expectation, [{ ...alert, raised_at: '2026-03-10T10:00:00.000Z' }])).toEqual([]);
    expect(differencesOf(expectation, [])).not.toEqual([]);
  });
});
