import { modelState } from '../shared/core/model-state.js';
import { groupBy } from '../shared/core/group.js';
import { ReleaseLog } from '../shared/core/release-log.js';
import type { Definition, Row } from '../shared/runtime/definition.js';
import type { Scope } from '../shared/runtime/store.js';
import { toRow } from './to-row.js';

/**
 * Release records become facts, which every other service reads from the topic by itself, and a row of the model for each
 * append time: what views join instead of folding the records.
 */
export const release: Definition<'releases'> = {
  service: 'release',
  stream: 'releases',
  joined: {
    table: 'model_state_rows',
    async rows(scope, { store }) {
      const facts = await store.facts('releases', scope);
      const log = ReleaseLog.of(facts);
      const since = firstAppendTime(scope);
      const rows: Row[] = [];
      // A copy can make a record of another model count no longer, so every model and time that was read is looked at.
      for (const [modelId, copies] of groupBy(facts, ({ record }) => record.model_id)) {
        const telling = copies.filter(
          ({ record, position }) => SAYS.has(record.action) && position.appendedAtMs >= since,
        );
        for (const knownAtMs of new Set(telling.map(({ position }) => position.appendedAtMs))) {
          const state = modelState(log.model(modelId), knownAtMs);
          rows.push(toRow(state, { modelId, knownAtMs, releaseOffset: log.nextOffset }));
        }
      }
      return rows;
    },
  },
};

/** The actions that a model's state rests on; of targets and blobs there may be thousands, and they say nothing of it. */
const SAYS: ReadonlySet<string> = new Set(['TRAFFIC_SET', 'ROLLED_BACK', 'FLAGGED', 'UNFLAGGED', 'INCIDENT_CLOSED']);

/** What is appended before the first new record is said already. */
function firstAppendTime(scope: Scope): number {
  if (scope.kind !== 'written') return 0;
  return scope.written.reduce((least, { position }) => Math.min(least, position.appendedAtMs), Infinity);
}
