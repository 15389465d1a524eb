import { describe, expect, it } from 'vitest';

import { evidenceOf, type Evidence } from '../../../services/replay/evidence.js';
import { recordsOf } from '../../../services/scenario/core-engine.js';
import { inferenceHistory } from '../../../services/shared/core/histories.js';
import type { InferenceFact } from '../../../services/shared/core/record.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import { scenarioOf } from '../../fuzz/case.js';
import { randomStory } from '../../fuzz/story.js';

const STORIES = 150;

function meets({ record }: InferenceFact, release: string, { blobIds, targetIds, spans }: Evidence): boolean {
  const at = record.occurred_at;
  return (
    record.release === release ||
    (record.blob_id !== null && blobIds.includes(record.blob_id)) ||
    (record.target_id !== null && targetIds.includes(record.target_id)) ||
    spans.some(({ from, to }) => at >= from && (to === null || at < to))
  );
}

describe('the evidence for a release', () => {
  it('is met by every inference that was ever attributed to it or had it for a candidate', () => {
    let [candidates, passedOver] = [0, 0];
    for (let seed = 0; seed < STORIES; seed += 1) {
      const { name, records: told } = randomStory(`evidence ${String(seed)}`);
      const { releases, inferences } = recordsOf(scenarioOf({ name, records: told, questions: [] }));
      const log = ReleaseLog.of(releases);
      for (const inference of inferences) {
        const model = log.model(inference.record.model_id);
        const ever = inferenceHistory(inference, model).flatMap(({ value }) => value.candidates);
        for (const release of new Set(ever.map((one) => one.release))) {
          candidates += 1;
          expect(meets(inference, release, evidenceOf(release, model.facts)), `${name}: ${release}`).toBe(true);
        }
        const strangers = ['v1', 'v2', 'v3'].filter((one) => ever.every(({ release }) => release !== one));
        passedOver += strangers.filter((one) => !meets(inference, one, evidenceOf(one, model.facts))).length;
      }
    }
    expect(candidates).toBeGreaterThan(STORIES);
    expect(passedOver).toBeGreaterThan(STORIES);
  });
});
