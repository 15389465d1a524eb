import { describe, expect, it } from 'vitest';
import { attribute } from '../../services/shared/core/attribution.js';
import {
  inferenceHistory,
  mayChange,
  proofHistory,
  sweepOf,
  type Revision,
} from '../../services/shared/core/histories.js';
import { paymentHistory } from '../../services/shared/core/payment-history.js';
import { proofOf } from '../../services/shared/core/proof.js';
import type { InferenceFact } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { check } from './check.js';
import { revisionsOf } from '../unit/core/payment-revisions.js';
import { evidenceStory, INFERENCES, moments, PAYMENTS, story, tickMs } from './stories.js';

function everything(records: Records): Trail {
  return Trail.of(records, moments(records).at(-1) ?? 0);
}

function valueAt<V>(history: readonly Revision<V>[], knownAtMs: number): V | undefined {
  return history.findLast((revision) => revision.knownAtMs <= knownAtMs)?.value;
}

function expectProper(history: readonly Revision<unknown>[]): void {
  const times = history.map(({ knownAtMs }) => knownAtMs);
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  for (const [i, { value }] of history.entries()) if (i > 0) expect(value).not.toEqual(history[i - 1]?.value);
}

describe('a history says at every moment what is computed for it then', () => {
  it('of which release served an inference', () => {
    check(evidenceStory, 200, (records) => {
      const trail = everything(records);
      for (const fact of trail.inferences.values()) {
        const model = trail.releases.model(fact.record.model_id);
        const history = inferenceHistory(fact, model);
        expectProper(history);
        for (const knownAtMs of moments(records).filter((ms) => ms >= fact.position.appendedAtMs)) {
          expect(valueAt(history, knownAtMs)).toEqual(attribute(fact.record, model.asOf(knownAtMs)));
        }
      }
    });
  });

  it('of the proofs of an inference', () => {
    check(story, 200, (records) => {
      for (const inference of INFERENCES) {
        const facts = records.proofs.filter(({ record }) => record.inference_id === inference);
        // A copy under another inference is another subject's business: such stories are left to the store.
        if (
          records.proofs.some(
            ({ record }) =>
              record.inference_id !== inference && facts.some((fact) => fact.record.event_id === record.event_id),
          )
        )
          continue;
        const history = proofHistory(facts);
        expectProper(history);
        for (const knownAtMs of moments(records)) {
          const known = Trail.of(records, knownAtMs).proofs.get(inference);
          expect(valueAt(history, knownAtMs)).toEqual(known === undefined ? undefined : proofOf(known));
        }
      }
    });
  });

  it('of the parts of a payment', () => {
    check(story, 300, (records) => {
      const trail = everything(records);
      for (const payment of PAYMENTS) {
        const facts = trail.paymentFacts.get(payment) ?? [];
        if (facts.length === 0) continue;
        const history = revisionsOf(paymentHistory(facts, [...trail.inferences.values()]));
        expectProper(history);
        for (const knownAtMs of moments(records)) {
          const then = Trail.of(records, knownAtMs);
          const known = then.payment(payment);
          expect(valueAt(history, knownAtMs)).toEqual(known === null ? undefined : then.split(known));
        }
      }
    });
  });
});

function servedAt(fact: InferenceFact, tick: number): InferenceFact {
  return { ...fact, record: { ...fact.record, occurred_at: tickMs(tick) * 1000 } };
}

describe('a sweep', () => {
  it('is never too narrow: a release record that changes what is said of an inference may change it', () => {
    check(evidenceStory, 600, (records) => {
      const trail = everything(records);
      const log = trail.releases.model('m');
      const asked = trail.ofModel('m').flatMap((fact) => [-1, 0, 1, 2, 3, 4, 5, 6].map((tick) => servedAt(fact, tick)));
      for (const [i, knownAtMs] of log.appendTimes.entries()) {
        const before = log.asOf(log.appendTimes[i - 1] ?? 0);
        const after = log.asOf(knownAtMs);
        const sweeps = log.appendedAt(knownAtMs).flatMap((release) => sweepOf(release) ?? []);
        for (const fact of asked) {
          const said = attribute(fact.record, before);
          if (JSON.stringify(said) === JSON.stringify(attribute(fact.record, after))) continue;
          expect(sweeps.some((sweep) => mayChange(sweep, fact, said))).toBe(true);
        }
      }
    });
  });
});
