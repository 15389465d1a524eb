import { AlertLedger, type AlertHistory, type Truth } from './alert-ledger.js';
import { attribute } from './attribution.js';
import { coversActivation, type Flag } from './flags.js';
import { compareBigint, sortedIds } from './order.js';
import { linksOf, paymentOf, type Payment } from './payment.js';
import { endedBy } from './payments.js';
import type { InferenceFact, PaymentFact } from './record.js';
import type { ModelLog, ModelView } from './release-log.js';
import { judge, type Exposed } from './taint.js';
import { isoFromMicros, overlaps } from './time.js';
import { activationsOfRelease } from './timeline.js';
import type { Trail } from './trail.js';

/**
 * Alerts are judged at every append time at which their truth can change; between two of them it stays.
 *
 *   truth of one subject   ....[true  )......[true ...
 *   alert                      raised  resolved  firing again, same id
 *
 * @param stale when covered stale inferences were known, from whoever has counted them; else those of the trail are judged
 */
export function alertsOf(trail: Trail, modelId: string, stale?: readonly StaleSpan[]): AlertHistory[] {
  const model = trail.releases.model(modelId);
  const firstFlag = model.facts.find((fact) => fact.record.action === 'FLAGGED');
  if (firstFlag === undefined) return [];
  const ledger = new AlertLedger(trail.knownAtMs);
  const context = { trail, model, sinceMs: firstFlag.position.appendedAtMs };
  judgeReactivations(ledger, context);
  if (stale === undefined) judgeStaleServing(ledger, context);
  else for (const span of stale) ledger.add('STALE_SERVING', staleTruth(span, model.asOf(span.fromMs)), span);
  judgeSettlements(ledger, context);
  return ledger.histories();
}

/** From when until when at least one covered stale inference of an activation was known. */
export interface StaleSpan {
  readonly release: string;
  readonly activation: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

interface Context {
  readonly trail: Trail;
  readonly model: ModelLog;
  /** The first flag's append time: nothing can be true before. */
  readonly sinceMs: number;
}

/** A release that a flag names came into traffic by later records, in an activation that the flag covers. */
function judgeReactivations(ledger: AlertLedger, { model, sinceMs }: Context): void {
  const times = model.appendTimes.filter((ms) => ms >= sinceMs);
  ledger.judge('FLAGGED_REACTIVATED', times, (ms) => {
    const view = model.asOf(ms);
    const truths = new Map<string, Truth>();
    const flags = view.flags.filter(({ targets }) => targets === null);
    for (const flag of flags) {
      const before = activationsOfRelease(view.timelineBefore(flag.fact.position.offset), flag.release);
      for (const activation of activationsOfRelease(view.timeline, flag.release)) {
        if (!coversActivation(flag, activation) || before.some((known) => overlaps(known, activation))) continue;
        const subject = isoFromMicros(activation.from);
        const severity = severityOf(flags.filter((one) => coversActivation(one, activation)));
        const truth = { release: flag.release, subject, retroactive: false, late: false, severity };
        truths.set(`${subject} ${flag.release}`, truth);
      }
    }
    return [...truths.values()];
  });
}

function judgeStaleServing(ledger: AlertLedger, { trail, model, sinceMs }: Context): void {
  for (const fact of trail.ofModel(model.modelId)) {
    ledger.judge('STALE_SERVING', timesSince([fact], model, sinceMs), (ms) => {
      const { verdict, judgement } = judgeAt(fact, model, ms);
      if (verdict.phase !== 'stale' || judgement.taint !== 'tainted' || verdict.release === null) return [];
      return [staleTruth({ release: verdict.release, activation: verdict.activation ?? 0 }, model.asOf(ms))];
    });
  }
}

function staleTruth({ release, activation }: Pick<StaleSpan, 'release' | 'activation'>, view: ModelView): Truth {
  const span = activationsOfRelease(view.timeline, release)[activation - 1];
  const flags = span === undefined ? [] : view.flags.filter((flag) => coversActivation(flag, span));
  return { release, subject: String(activation), retroactive: false, late: false, severity: severityOf(flags) };
}

function judgeSettlements(ledger: AlertLedger, { trail, model, sinceMs }: Context): void {
  for (const [paymentId, facts] of trail.paymentFacts) {
    const inferences = everLinked(trail, facts).filter((fact) => fact.record.model_id === model.modelId);
    if (inferences.length === 0) continue;
    ledger.judge('SETTLED_ON_FLAGGED', timesSince([...facts, ...inferences], model, sinceMs), (ms) => {
      const known = facts.filter((fact) => fact.position.appendedAtMs <= ms);
      if (known.length === 0) return [];
      const payment = paymentOf(known);
      if (payment.settledAt === null || payment.refunded) return [];
      const tainted = taintedLinks(payment, inferences, { model, ms });
      return sortedIds(tainted.map(({ release }) => release)).map((release) =>
        settlementTruth(
          payment,
          tainted.filter((link) => link.release === release),
          { release, subject: paymentId },
        ),
      );
    });
  }
}

function settlementTruth(
  payment: Payment,
  links: readonly Exposed[],
  alert: { release: string; subject: string },
): Truth {
  const flags: Flag[] = links.flatMap(({ coveredBy }) => coveredBy);
  const settledAppendedAtMs = payment.settledAppendedAtMs ?? 0;
  return {
    ...alert,
    retroactive: flags.every((flag) => flag.fact.position.appendedAtMs > settledAppendedAtMs),
    late: links.some(({ activation }) => endedBy(activation, payment.settledAt ?? 0)),
    severity: severityOf(flags),
  };
}

/** Severities are words without an order: the first flag that has one speaks. */
function severityOf(flags: readonly Flag[]): string | null {
  const first = flags
    .filter(({ fact }) => fact.record.severity !== null)
    .sort((a, b) => compareBigint(a.fact.position.offset, b.fact.position.offset))[0];
  return first?.fact.record.severity ?? null;
}

/** The inferences that any record of a payment ever named, by id or session. */
function everLinked(trail: Trail, facts: readonly PaymentFact[]): InferenceFact[] {
  const linked = new Set<InferenceFact>();
  for (const { record } of facts) {
    for (const { inference_id: id } of record.allocations) {
      const fact = trail.byId(id);
      if (fact !== undefined) linked.add(fact);
    }
    if (record.session_id !== null) for (const fact of trail.bySession(record.session_id)) linked.add(fact);
  }
  return [...linked];
}

function taintedLinks(
  payment: Payment,
  inferences: readonly InferenceFact[],
  { model, ms }: { model: ModelLog; ms: number },
): Exposed[] {
  const known = new Map(
    inferences
      .filter((fact) => fact.position.appendedAtMs <= ms)
      .map((fact) => [fact.record.inference_id, fact] as const),
  );
  const links = linksOf(payment, {
    byId: (id) => known.get(id),
    bySession: (session) => [...known.values()].filter((fact) => fact.record.session_id === session),
  });
  return links.flatMap(({ inferenceId }) => {
    const fact = known.get(inferenceId);
    if (fact === undefined) return [];
    const { judgement } = judgeAt(fact, model, ms);
    return judgement.taint === 'tainted' ? judgement.releases : [];
  });
}

function judgeAt(fact: InferenceFact, model: ModelLog, ms: number) {
  const view = model.asOf(ms);
  const verdict = attribute(fact.record, view);
  return { verdict, judgement: judge(fact.record, verdict, view) };
}

/** The moments from the first flag on at which something about these facts can become known. */
function timesSince(
  facts: readonly { readonly position: { readonly appendedAtMs: number } }[],
  model: ModelLog,
  sinceMs: number,
): number[] {
  const times = [...model.appendTimes, ...facts.map((fact) => fact.position.appendedAtMs)];
  const first = Math.max(sinceMs, Math.min(...facts.map((fact) => fact.position.appendedAtMs)));
  return times.filter((ms) => ms >= first);
}
