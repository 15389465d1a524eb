import { describe, expect, it } from 'vitest';
import type { AgentRecord } from '../../schemas/types.generated.js';
import { agentClasses } from '../../services/shared/core/agents-of.js';
import { paymentAnswer } from '../../services/shared/core/answer.js';
import { compareBigint } from '../../services/shared/core/order.js';
import type { ReleaseFact } from '../../services/shared/core/record.js';
import { releasePayments } from '../../services/shared/core/payments.js';
import { activationsOfRelease, trafficAt, type Activation } from '../../services/shared/core/timeline.js';
import { activationsOf, Trail, type Records } from '../../services/shared/core/trail.js';
import { windowsOf } from '../../services/shared/core/windows.js';
import { check } from './check.js';
import { MODELS, moments, PAYMENTS, RELEASES, story, tickMs } from './stories.js';

function everything(records: Records): Trail {
  return Trail.of(records, moments(records).at(-1) ?? 0);
}

/** The split at a time, found by looking at every record: the last by (effective_at, R). */
function splitAt(facts: readonly ReleaseFact[], at: number): Record<string, number> {
  let holding: ReleaseFact | null = null;
  const effective = ({ record }: ReleaseFact): number => record.effective_at ?? record.occurred_at;
  for (const fact of facts) {
    if (!['TRAFFIC_SET', 'ROLLED_BACK'].includes(fact.record.action) || effective(fact) > at) continue;
    const later = holding === null || effective(fact) > effective(holding);
    if (
      later ||
      (holding &&
        effective(fact) === effective(holding) &&
        compareBigint(fact.position.offset, holding.position.offset) > 0)
    ) {
      holding = fact;
    }
  }
  if (holding === null) return {};
  const shares = holding.record.traffic ?? { [holding.record.to ?? '']: 10_000 };
  return Object.fromEntries(Object.entries(shares).filter(([, share]) => share > 0));
}

/** All times are whole ticks, so looking at every half tick sees everything. */
const LOOKS = Array.from({ length: 60 }, (_, i) => (tickMs(-1) + i * 30_000) * 1000);

describe('the timeline', () => {
  it('has at every time the split of the last record by (effective_at, R)', () => {
    check(story, 200, (records) => {
      const trail = everything(records);
      for (const model of MODELS) {
        const { timeline, facts } = trail.view(model);
        for (const at of LOOKS) expect(Object.fromEntries(trafficAt(timeline, at))).toEqual(splitAt(facts, at));
      }
    });
  });

  it('has activations that are exactly the maximal spans with traffic, numbered in their order', () => {
    check(story, 200, (records) => {
      const trail = everything(records);
      for (const model of MODELS) {
        const { timeline, facts } = trail.view(model);
        for (const release of RELEASES) {
          const expected: { number: number; from: number; to: number | null }[] = [];
          for (const at of LOOKS) {
            const open = expected.at(-1)?.to === null ? expected.at(-1) : undefined;
            const runs = Object.hasOwn(splitAt(facts, at), release);
            if (runs && open === undefined) expected.push({ number: expected.length + 1, from: at, to: null });
            else if (!runs && open !== undefined) open.to = at;
          }
          expect(activationsOfRelease(timeline, release).map(({ number, from, to }) => ({ number, from, to }))).toEqual(
            expected,
          );
        }
      }
    });
  });
});

describe('an inference', () => {
  it('has candidates that sum to 10000, or none when it is unattributed', () => {
    check(story, 300, (records) => {
      const trail = everything(records);
      for (const fact of trail.inferences.values()) {
        const { status, candidates, release } = trail.verdict(fact);
        expect(candidates.reduce((sum, { share_bp }) => sum + share_bp, 0)).toBe(
          status === 'unattributed' ? 0 : 10_000,
        );
        expect(release !== null).toBe(status === 'attributed');
        expect(candidates.length > 1 || status !== 'ambiguous').toBe(true);
      }
    });
  });
});

describe('a payment', () => {
  it('has parts that sum to its amount, by class and each', () => {
    check(story, 300, (records) => {
      const trail = everything(records);
      for (const id of PAYMENTS) {
        const payment = trail.payment(id);
        if (payment === null) continue;
        const { parts, unlinked } = trail.split(payment);
        expect(parts.reduce((sum, part) => sum + part.amount, unlinked)).toBe(payment.amount);
        expect(parts.every((part) => part.amount >= 0n) && unlinked >= 0n).toBe(true);
        const said = paymentAnswer(trail, id) as Record<string, string>;
        const classes = ['tainted', 'possible', 'clean', 'unattributed'].map((name) => BigInt(said[name] ?? -1));
        expect(classes.reduce((sum, part) => sum + part, 0n)).toBe(payment.amount);
      }
    });
  });

  it('is certain work or possible work of a release, never both; late work is work', () => {
    check(story, 200, (records) => {
      const trail = everything(records);
      for (const modelId of MODELS) {
        for (const release of RELEASES) {
          const found = releasePayments(trail, { modelId, release, activation: null });
          expect(found.possible.filter((id) => found.settledForWork.includes(id))).toEqual([]);
          expect(found.settledForWork).toEqual(expect.arrayContaining([...found.late]));
          expect(found.amount.late <= found.amount.work).toBe(true);
        }
      }
    });
  });
});

/** T(d) of every agent by its definition, for as many depths as there are records. */
function secondaryOf(
  records: readonly AgentRecord[],
  exposed: ReadonlyMap<string, number>,
): [string, number, string[]][] {
  const found = new Map<string, [number, string[]]>();
  let reached: ReadonlyMap<string, number> = exposed;
  for (let depth = 1; depth <= records.length; depth += 1) {
    const next = new Map<string, number>();
    const via = new Map<string, Set<string>>();
    for (const { agent_id: agent, occurred_at: at, upstream_agent_ids: upstreams } of records) {
      for (const upstream of upstreams.filter((id) => (reached.get(id) ?? Infinity) <= at)) {
        next.set(agent, Math.min(next.get(agent) ?? Infinity, at));
        via.set(agent, (via.get(agent) ?? new Set()).add(upstream));
      }
    }
    for (const [agent, upstreams] of via) {
      if (!exposed.has(agent) && !found.has(agent)) found.set(agent, [depth, [...upstreams].sort()]);
    }
    reached = next;
  }
  return [...found].map(([agent, [depth, via]]): [string, number, string[]] => [agent, depth, via]).sort();
}

function exposedTo(trail: Trail, model: string, { release, number }: Activation): Map<string, number> {
  const first = new Map<string, number>();
  for (const fact of trail.ofModel(model)) {
    const verdict = trail.verdict(fact);
    const { agent_id: agent, occurred_at: at } = fact.record;
    if (agent === null || verdict.release !== release || verdict.activation !== number) continue;
    first.set(agent, Math.min(first.get(agent) ?? Infinity, at));
  }
  return first;
}

describe('an agent', () => {
  it('that was exposed is in exactly one class, and others only as not exposed', () => {
    check(story, 200, (records) => {
      const trail = everything(records);
      for (const model of MODELS) {
        for (const activation of activationsOf(trail, model)) {
          const { changed, delayed, excluded } = agentClasses(trail, model, activation);
          const classed = [...changed, ...delayed, ...excluded.filter(({ reason }) => reason !== 'NOT_EXPOSED')];
          const exposed = [...exposedTo(trail, model, activation).keys()];
          expect(classed.map(({ agentId }) => agentId).sort()).toEqual(exposed.sort());
          const strangers = excluded.filter(({ reason }) => reason === 'NOT_EXPOSED');
          expect(strangers.filter(({ agentId }) => exposed.includes(agentId))).toEqual([]);
        }
      }
    });
  });

  it('is secondary at the smallest depth that the definition gives it', () => {
    check(story, 300, (records) => {
      const trail = everything(records);
      for (const activation of activationsOf(trail, 'm')) {
        const { secondary } = agentClasses(trail, 'm', activation);
        const expected = secondaryOf(
          trail.agents.map((fact) => fact.record),
          exposedTo(trail, 'm', activation),
        );
        expect(secondary.map(({ agent, depth, via }) => [agent, depth, via])).toEqual(expected);
      }
    });
  });
});

describe('the windows of a model', () => {
  it('count every attributed inference of an activation once, and each of its proofs', () => {
    check(story, 200, (records) => {
      const trail = everything(records);
      for (const model of MODELS) {
        const windows = windowsOf(trail, model);
        const counted = windows.reduce((sum, { inferences }) => sum + inferences.active + inferences.stale, 0);
        const attributed = trail.ofModel(model).filter((fact) => trail.verdict(fact).activation !== null);
        expect(counted).toBe(attributed.length);
        for (const { proofs, inferences } of windows) {
          const sum = [...proofs.values()].reduce((total, count) => total + count, 0);
          expect(sum).toBe(inferences.active + inferences.stale);
        }
      }
    });
  });
});
