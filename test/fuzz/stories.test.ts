import { describe, expect, it } from 'vitest';
import { coreEngine, recordsOf } from '../../services/scenario/core-engine.js';
import { seededRandom, type Random } from '../../services/demo/random.js';
import { answer } from '../../services/shared/core/answer.js';
import type { Question } from '../../services/shared/core/question.js';
import type { Fact } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { scenarioOf } from './case.js';
import { caseOf } from './fuzz.js';
import { sagaOf } from './saga.js';
import { shrink } from './shrink.js';

const SEED = String(Math.floor(Math.random() * 1_000_000));
const STORIES = 25;
const numbers = Array.from({ length: STORIES }, (_, i) => i);
console.log(`fuzz seed ${SEED}`);

describe('a random story', () => {
  it('is the same for the same seed, and another one for another', () => {
    expect(caseOf('7', 3, 2)).toEqual(caseOf('7', 3, 2));
    expect(caseOf('7', 3, 2)).not.toEqual(caseOf('7', 4, 2));
  });

  it('comes back from its scenario file with every time and question as it was', () => {
    for (const number of numbers) {
      const story = caseOf(SEED, number, 2);
      const scenario = scenarioOf(story);
      expect(scenario.expect.map(({ question }) => question)).toEqual(story.questions);
      const occurred = scenario.records.map(({ fields }) => Number(fields['occurred_at'])).sort();
      expect(occurred).toEqual(story.records.map(({ at }) => at).sort());
      const arrived = scenario.records.map(({ appendedAtMs }) => appendedAtMs * 1000);
      expect(arrived).toEqual(story.records.map(({ arrives }) => arrives).sort((a, b) => a - b));
    }
  });

  it('reaches every answer', () => {
    const seen = new Set<string>();
    for (let number = 0; number < 250; number += 1) {
      const scenario = scenarioOf(caseOf('all', number, 0));
      const ask = coreEngine(scenario);
      for (const { question } of scenario.expect) {
        for (const [word] of JSON.stringify(ask(question)).matchAll(/"[a-zA-Z_+]+"/g)) seen.add(word.slice(1, -1));
      }
    }
    const expected = [
      ...['target', 'blob', 'blob+claim', 'blob+timeline', 'claim', 'timeline', 'ambiguous', 'unattributed', 'unknown'],
      ...['active', 'stale', 'premature', 'never', 'verified', 'failed', 'pending', 'matched', 'not_applicable'],
      ...['TARGET_NOT_ENABLED', 'BLOB_UNKNOWN', 'RELEASE_UNKNOWN', 'TARGET_BLOB_CONFLICT', 'TARGET_CLAIM_CONFLICT'],
      ...['BLOB_CLAIM_CONFLICT', 'CHANGE_PRECEDES_EXPOSURE', 'NO_CHANGE', 'NOT_EXPOSED'],
      ...['tainted', 'possible', 'clean', 'withdrawn', 'reopened', 'closed', 'contained', 'firing', 'resolved'],
      ...['SETTLED_ON_FLAGGED', 'FLAGGED_REACTIVATED', 'STALE_SERVING', 'REFUNDED', 'REVERSED'],
    ];
    expect(expected.filter((word) => !seen.has(word))).toEqual([]);
  });
});

describe('on the pure core', () => {
  it('L1: records in any order, and delivered again, have the same answers', () => {
    for (const number of numbers) {
      const { scenario, lastMs } = told(number);
      const records = recordsOf(scenario);
      const random = seededRandom(`order of ${SEED}/${number}`);
      const again = eachStream(records, (facts) =>
        shuffled([...facts, ...facts.filter(() => random.chance(0.3))], random),
      );
      expectSame(scenario.expect, { left: records, right: again, lastMs });
    }
  });

  it('L2: the answer as known at K is that of the records up to K', () => {
    for (const number of numbers) {
      const { scenario, lastMs } = told(number);
      const records = recordsOf(scenario);
      for (const knownMs of new Set(scenario.expect.flatMap(({ question }) => question.known ?? []))) {
        const known = eachStream(records, (facts) => facts.filter(({ position }) => position.appendedAtMs <= knownMs));
        const asked = scenario.expect.filter(({ question }) => question.known === knownMs);
        expectSame(asked, { left: records, right: known, lastMs });
      }
    }
  });

  it('stories told as one saga have the answers of each alone', () => {
    const cases = numbers.slice(0, 5).map((number) => caseOf(SEED, number, 1));
    const saga = scenarioOf(sagaOf('saga', cases));
    const ask = coreEngine(saga);
    const trails = saga.expect.filter(({ question }) => question.ask === 'windows');
    const alone = cases.flatMap((one) => {
      const scenario = scenarioOf(one);
      const askOne = coreEngine(scenario);
      return scenario.expect
        .filter(({ question }) => question.ask === 'windows')
        .map(({ question }) => askOne(question));
    });
    expect(trails.map(({ question }) => ask(question))).toEqual(alone);
  });
});

describe('shrinking', () => {
  it('leaves what the difference needs, and nothing else', async () => {
    const found = caseOf('shrink', 5, 0);
    const needed = found.records.filter((_, i) => i === 2 || i === found.records.length - 1);
    const ids = needed.map(({ fields }) => fields['event_id']);
    const smallest = await shrink({ ...found, questions: found.questions.slice(0, 1) }, (cases) =>
      Promise.resolve(
        cases.map(({ records }) => ids.every((id) => records.some(({ fields }) => fields['event_id'] === id))),
      ),
    );
    expect(smallest.records).toHaveLength(new Set(ids).size);
  });
});

function told(number: number) {
  const scenario = scenarioOf(caseOf(SEED, number, 2));
  return { scenario, lastMs: Math.max(0, ...scenario.records.map(({ appendedAtMs }) => appendedAtMs)) };
}

function expectSame(
  asked: readonly { readonly question: Question }[],
  { left, right, lastMs }: { left: Records; right: Records; lastMs: number },
): void {
  const answers = (records: Records): string[] => {
    const trails = new Map<number, Trail>();
    return asked.map(({ question }) => {
      const known = question.known ?? lastMs;
      const trail = trails.get(known) ?? Trail.of(records, known);
      trails.set(known, trail);
      return JSON.stringify([question, answer(trail, question)]);
    });
  };
  expect(answers(right)).toEqual(answers(left));
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

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list];
  return list.flatMap(() => rest.splice(random.below(rest.length), 1));
}
