import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { raisedAtMs, type AlertHistory } from '../../services/shared/core/alert-ledger.js';
import { alertsOf } from '../../services/shared/core/alerts.js';
import { answer } from '../../services/shared/core/answer.js';
import { compareLogOrder } from '../../services/shared/core/order.js';
import type { Fact } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { check } from './check.js';
import { MODELS, moments, questions, story } from './stories.js';

const QUESTIONS = questions();
const WITHOUT_POSITIONS = QUESTIONS.filter(({ ask }) => ask !== 'trail');

/** Every answer as known at K, as bytes. */
function answers(records: Records, knownAtMs: number, asked = QUESTIONS): string[] {
  const trail = Trail.of(records, knownAtMs);
  return asked.map((question) => JSON.stringify([question, answer(trail, question)]));
}

function eachStream(records: Records, change: <T extends Fact<unknown>>(facts: readonly T[]) => T[]): Records {
  return {
    releases: change(records.releases),
    inferences: change(records.inferences),
    proofs: change(records.proofs),
    payments: change(records.payments),
    agents: change(records.agents),
  };
}

/** The same records in a topic of another number of partitions: every key stays in its order, offsets are new. */
function repartitioned(records: Records, count: number): Records {
  const partitionOf = (key: string): number => (key.charCodeAt(key.length - 1) * 7) % count;
  const moved = eachStream(records, (facts) => {
    const next = new Map<number, bigint>();
    return [...facts].sort(compareLogOrder).map((fact) => {
      const partition = partitionOf(fact.key);
      const offset = next.get(partition) ?? 0n;
      next.set(partition, offset + 1n);
      return { ...fact, position: { ...fact.position, partition, offset } };
    });
  });
  return { ...moved, releases: records.releases };
}

const storyAndMoment = fc.tuple(story, fc.nat()).map(([records, n]) => {
  const times = moments(records);
  return { records, knownAtMs: times[n % times.length] ?? 0 };
});

describe('L1: the answers are a function of the set of records', () => {
  it('in whatever order they are read', () => {
    check(fc.tuple(storyAndMoment, fc.infiniteStream(fc.nat())), 150, ([{ records, knownAtMs }, random]) => {
      const shuffled = eachStream(records, (facts) => {
        const rest = [...facts];
        return facts.flatMap(() => rest.splice((random.next().value ?? 0) % rest.length, 1));
      });
      expect(answers(shuffled, knownAtMs)).toEqual(answers(records, knownAtMs));
    });
  });

  it('on whatever number of partitions', () => {
    check(fc.tuple(storyAndMoment, fc.integer({ min: 1, max: 5 })), 150, ([{ records, knownAtMs }, count]) => {
      expect(answers(repartitioned(records, count), knownAtMs, WITHOUT_POSITIONS)).toEqual(
        answers(records, knownAtMs, WITHOUT_POSITIONS),
      );
    });
  });

  it('however often they are delivered', () => {
    check(fc.tuple(storyAndMoment, fc.nat(5)), 150, ([{ records, knownAtMs }, later]) => {
      const twice = eachStream(records, (facts) => [
        ...facts,
        ...facts.map((fact) => ({
          ...fact,
          position: {
            ...fact.position,
            offset: fact.position.offset + 1000n,
            appendedAtMs: fact.position.appendedAtMs + later,
          },
        })),
      ]);
      expect(answers(twice, knownAtMs)).toEqual(answers(records, knownAtMs));
    });
  });
});

describe('L2: what was known at K', () => {
  it('is what the records up to K say alone', () => {
    check(storyAndMoment, 150, ({ records, knownAtMs }) => {
      const known = eachStream(records, (facts) => facts.filter((fact) => fact.position.appendedAtMs <= knownAtMs));
      expect(answers(records, knownAtMs)).toEqual(answers(known, knownAtMs));
    });
  });

  it('of alerts is never taken back: once raised, an alert says the same for ever, and only its state changes', () => {
    check(story, 200, (records) => {
      const raised = new Map<string, string>();
      for (const knownAtMs of moments(records)) {
        const trail = Trail.of(records, knownAtMs);
        const found = MODELS.flatMap((model) =>
          alertsOf(trail, model).map((alert) => ({
            id: [model, alert.kind, alert.release, alert.subject].join(' '),
            said: JSON.stringify([raisedAtMs(alert), alert.retroactive, alert.late, alert.severity]),
          })),
        );
        expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining([...raised.keys()]));
        for (const { id, said } of found) {
          expect(said).toBe(raised.get(id) ?? said);
          raised.set(id, said);
        }
      }
    });
  });

  it('of an alert only grows: what was known of it at K is the beginning of what is known later', () => {
    check(story, 100, (records) => {
      const times = moments(records);
      const at = (knownAtMs: number): AlertHistory[] =>
        MODELS.flatMap((model) => alertsOf(Trail.of(records, knownAtMs), model));
      const last = at(times.at(-1) ?? 0);
      for (const knownAtMs of times) {
        const begun = last.filter((alert) => raisedAtMs(alert) <= knownAtMs);
        const asOf = begun.map((alert) => ({ ...alert, states: alert.states.filter(({ atMs }) => atMs <= knownAtMs) }));
        expect(at(knownAtMs)).toEqual(asOf);
        for (const { states } of asOf) {
          expect(states.map(({ state }) => state)).toEqual(states.map((_, i) => (i % 2 === 0 ? 'firing' : 'resolved')));
        }
      }
    });
  });
});

describe('the stories', () => {
  it('reach every answer that the laws are about', () => {
    const seen = new Set<string>();
    for (const records of fc.sample(story, { seed: 1, numRuns: 1000 })) {
      const trail = Trail.of(records, moments(records).at(-1) ?? 0);
      for (const text of QUESTIONS.map((question) => JSON.stringify(answer(trail, question)))) {
        for (const word of text.match(/"[a-zA-Z_+]+"/g) ?? []) seen.add(word.slice(1, -1));
      }
    }
    const expected = [
      ...['target', 'blob', 'blob+claim', 'blob+timeline', 'claim', 'timeline', 'ambiguous', 'unattributed', 'unknown'],
      ...['active', 'stale', 'premature', 'never', 'verified', 'failed', 'pending'],
      ...['TARGET_NOT_ENABLED', 'BLOB_UNKNOWN', 'RELEASE_UNKNOWN', 'TARGET_BLOB_CONFLICT', 'TARGET_CLAIM_CONFLICT'],
      ...['BLOB_CLAIM_CONFLICT', 'CHANGE_PRECEDES_EXPOSURE', 'NO_CHANGE', 'NOT_EXPOSED'],
      ...['tainted', 'possible', 'clean', 'withdrawn', 'reopened', 'closed', 'contained', 'firing', 'resolved'],
      ...['SETTLED_ON_FLAGGED', 'FLAGGED_REACTIVATED', 'STALE_SERVING'],
    ];
    expect(expected.filter((word) => !seen.has(word))).toEqual([]);
  });
});
