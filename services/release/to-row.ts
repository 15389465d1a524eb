import type { Coverage, ModelState } from '../shared/core/model-state.js';
import type { Flag } from '../shared/core/flags.js';
import type { IncidentBasis } from '../shared/core/incident.js';
import type { Row } from '../shared/runtime/definition.js';

/** What DateTime64 can hold; no event lies outside, and a span that is open ends here. */
const FIRST_MICROS = Date.UTC(1900, 0, 1) * 1000;
const LAST_MICROS = Date.UTC(2299, 11, 31, 23, 59, 59, 999) * 1000;

/** The row of a model in `model_state_rows`. Times are microseconds, as JSONEachRow takes them. */
export function toRow(
  state: ModelState,
  { modelId, knownAtMs, releaseOffset }: { modelId: string; knownAtMs: number; releaseOffset: bigint },
): Row {
  const row = {
    model_id: modelId,
    known_at: knownAtMs,
    activations: state.activations.map(({ release, number, from, to, undoneBy, restored, flagged }) => ({
      release,
      activation: number,
      from,
      to,
      undone_by: undoneBy === null ? null : String(undoneBy.position.offset),
      restored,
      flagged,
    })),
    flags: state.flags.map(flagColumn),
    coverage: state.coverage.map(coverageColumn),
    incidents: state.incidents.map(incidentColumn),
    release_offset: String(releaseOffset),
  };
  return row;
}

function flagColumn({ fact, release, scope }: Flag): object {
  const { record, position } = fact;
  return {
    offset: String(position.offset),
    flag_id: record.flag_id ?? '',
    release,
    severity: record.severity,
    activation: record.activation,
    activation_from: scope?.from ?? null,
    from: record.from,
    until: record.until,
    targets: record.targets ?? [],
    any_target: record.targets === null,
    raised_at: position.appendedAtMs,
  };
}

function coverageColumn({ release, targetId, from, until }: Coverage): object {
  return {
    release,
    target_id: targetId ?? '',
    any_target: targetId === null,
    from: Math.max(from, FIRST_MICROS),
    until: Math.min(until, LAST_MICROS),
  };
}

function incidentColumn(basis: IncidentBasis): object {
  return {
    release: basis.release,
    standing: basis.standing,
    activations: basis.covered.map(({ number }) => number),
    spans: basis.covered.map(({ from, to }) => ({ from, to })),
    contained_at: basis.containedAt,
    recovered_at: basis.recoveredAt,
    linked: basis.linked,
    closed_at: basis.closedAtMs,
    began: basis.began,
  };
}
