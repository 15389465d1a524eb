import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toRow } from '../../services/release/to-row.js';
import { phaseOf } from '../../services/shared/core/attribution.js';
import { coversActivation, coversInference } from '../../services/shared/core/flags.js';
import { incidentOf, incidentState } from '../../services/shared/core/incident.js';
import { modelState, type Coverage } from '../../services/shared/core/model-state.js';
import { Trail } from '../../services/shared/core/trail.js';
import { check } from './check.js';
import { MODELS, moments, RELEASES, story } from './stories.js';

const storyAndMoment = fc.tuple(story, fc.nat()).map(([records, n]) => {
  const times = moments(records);
  return { records, knownAtMs: times[n % times.length] ?? 0 };
});

function meets(span: Coverage, at: number, targetId: string | null): boolean {
  return span.from <= at && at < span.until && (span.targetId === null || span.targetId === targetId);
}

describe('the state of a model', () => {
  it('covers by spans what its flags cover by their scopes, each inference by one span at most', () => {
    check(storyAndMoment, 300, ({ records, knownAtMs }) => {
      const trail = Trail.of(records, knownAtMs);
      for (const model of MODELS) {
        const { coverage } = modelState(trail.releases.model(model), knownAtMs);
        const { flags, timeline } = trail.view(model);
        for (const { record } of records.inferences) {
          for (const release of RELEASES) {
            const { activation } = phaseOf(timeline, release, record.occurred_at);
            const served = { release, activation, at: record.occurred_at, targetId: record.target_id };
            const spans = coverage.filter(
              (span) => span.release === release && meets(span, record.occurred_at, record.target_id),
            );
            expect(spans.length).toBe(flags.some((flag) => coversInference(flag, served)) ? 1 : 0);
          }
        }
      }
    });
  });

  it('has the activations with their flags, and all that an incident is but what appeared since its close', () => {
    check(storyAndMoment, 200, ({ records, knownAtMs }) => {
      const trail = Trail.of(records, knownAtMs);
      for (const model of MODELS) {
        const state = modelState(trail.releases.model(model), knownAtMs);
        const { flags, everFlagged } = trail.view(model);
        for (const activation of state.activations) {
          expect(activation.flagged).toBe(flags.some((flag) => coversActivation(flag, activation)));
        }
        expect(state.incidents.map(({ release }) => release)).toEqual(everFlagged);
        for (const basis of state.incidents) {
          const incident = incidentOf(trail, model, basis.release);
          const either = [true, false].map((appeared) => incidentState(basis, knownAtMs, () => appeared));
          expect(either).toContain(incident?.state);
          expect(incident?.activations).toEqual(basis.covered.map(({ number }) => number));
        }
      }
    });
  });

  it('is the same as of K whatever came later, and so is its row', () => {
    check(storyAndMoment, 150, ({ records, knownAtMs }) => {
      const known = records.releases.filter(({ position }) => position.appendedAtMs <= knownAtMs);
      const [all, then] = [records, { ...records, releases: known }].map((some) => Trail.of(some, Infinity).releases);
      for (const model of MODELS) {
        const row = (log: typeof all): object => {
          if (log === undefined) throw new Error('there are two logs');
          const state = modelState(log.model(model), knownAtMs);
          return toRow(state, { modelId: model, knownAtMs, releaseOffset: 1n });
        };
        expect(row(all)).toEqual(row(then));
      }
    });
  });
});
