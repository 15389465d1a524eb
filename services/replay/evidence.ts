import { isTrafficRecord, effectiveAt, compareEffective } from '../shared/core/timeline.js';
import type { ReleaseFact } from '../shared/core/record.js';

/** All by which an inference can come to be attributed to a release, or have it for a candidate (SPEC 5), at any K. */
export interface Evidence {
  readonly blobIds: readonly string[];
  readonly targetIds: readonly string[];
  /** Event times in microseconds at which it has traffic; `to` is null where that does not end. */
  readonly spans: readonly { readonly from: number; readonly to: number | null }[];
}

/** @param facts the release records of its model that count */
export function evidenceOf(release: string, facts: readonly ReleaseFact[]): Evidence {
  const own = facts.filter(({ record }) => record.release === release);
  const published = own.filter(({ record }) => record.action === 'PUBLISHED');
  const bound = own.filter(({ record }) => record.action === 'TARGET_BOUND');
  return {
    blobIds: [...new Set(published.flatMap(({ record }) => record.blob_ids))],
    targetIds: [...new Set(bound.flatMap(({ record }) => record.target_id ?? []))],
    spans: spansOf(release, facts.filter(({ record }) => isTrafficRecord(record)).sort(compareEffective)),
  };
}

/**
 * What a traffic record says holds until the next one takes effect. With more records known that only comes earlier, so the
 * widest span is the one that was known when the record was appended:
 *
 *   known at once        [ v2 ..........................)  10:30
 *   one more, known later          [ v1 ...
 */
function spansOf(release: string, traffic: readonly ReleaseFact[]): Evidence['spans'] {
  return traffic.flatMap((fact, i) => {
    if (!gives(release, fact)) return [];
    const from = effectiveAt(fact.record);
    const next = traffic.slice(i + 1).find(({ record, position }) => {
      return effectiveAt(record) > from && position.appendedAtMs <= fact.position.appendedAtMs;
    });
    return [{ from, to: next === undefined ? null : effectiveAt(next.record) }];
  });
}

function gives(release: string, { record: { action, traffic, to } }: ReleaseFact): boolean {
  if (traffic === null) return action === 'ROLLED_BACK' && to === release;
  return (traffic[release] ?? 0) > 0;
}
