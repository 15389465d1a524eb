import { compareUtf8 } from './order.js';

export type AlertKind = 'SETTLED_ON_FLAGGED' | 'FLAGGED_REACTIVATED' | 'STALE_SERVING';

/** One alert and all that became of it (SPEC 7): raised once for ever, then resolved and firing in turn. */
export interface AlertHistory {
  readonly kind: AlertKind;
  readonly release: string;
  readonly subject: string;
  /** As they were when it was raised. */
  readonly retroactive: boolean;
  readonly late: boolean;
  /** Severity of the first flag, in the order of R, that covered it when it was raised and has one. */
  readonly severity: string | null;
  /** At least one, in time order, firing first; each holds from its append time on. */
  readonly states: readonly AlertState[];
}

export interface AlertState {
  readonly state: 'firing' | 'resolved';
  readonly atMs: number;
}

/** What is true of one subject at one moment. */
export interface Truth {
  readonly release: string;
  readonly subject: string;
  readonly retroactive: boolean;
  readonly late: boolean;
  readonly severity: string | null;
}

interface TrueSpan {
  readonly kind: AlertKind;
  readonly truth: Truth;
  readonly from: number;
  readonly to: number;
}

/** Collects when which alert was true, and tells what that makes of it at K. */
export class AlertLedger {
  readonly #untilMs: number;
  readonly #spans = new Map<string, TrueSpan[]>();

  constructor(knownAtMs: number) {
    this.#untilMs = knownAtMs;
  }

  /** Judges one subject at each of its moments; what is true at one holds until the next. */
  judge(kind: AlertKind, timesMs: Iterable<number>, truthsAt: (ms: number) => readonly Truth[]): void {
    const times = [...new Set(timesMs)].sort((a, b) => a - b);
    times.forEach((from, i) => {
      const untilMs = times[i + 1] ?? Infinity;
      for (const truth of truthsAt(from)) this.add(kind, truth, { fromMs: from, untilMs });
    });
  }

  /** What is not known yet at K is passed over. */
  add(kind: AlertKind, truth: Truth, { fromMs: from, untilMs: to }: { fromMs: number; untilMs: number }): void {
    if (from > this.#untilMs) return;
    const key = JSON.stringify([kind, truth.release, truth.subject]);
    const spans = this.#spans.get(key) ?? [];
    spans.push({ kind, truth, from, to });
    this.#spans.set(key, spans);
  }

  histories(): AlertHistory[] {
    return [...this.#spans.values()]
      .map((spans) => this.#history(spans.sort((a, b) => a.from - b.from)))
      .sort(byRaised);
  }

  #history(spans: readonly TrueSpan[]): AlertHistory {
    const { kind, truth, from } = spans[0] as TrueSpan;
    const states: AlertState[] = [{ state: 'firing', atMs: from }];
    let trueUntil = from;
    for (const span of spans) {
      if (span.from > trueUntil) {
        states.push({ state: 'resolved', atMs: trueUntil }, { state: 'firing', atMs: span.from });
      }
      trueUntil = Math.max(trueUntil, span.to);
    }
    if (trueUntil <= this.#untilMs) states.push({ state: 'resolved', atMs: trueUntil });
    return { kind, ...truth, states };
  }
}

/** The order of alerts in answers: by (raised, kind, subject, release). */
export function byRaised(a: AlertHistory, b: AlertHistory): number {
  return (
    raisedAtMs(a) - raisedAtMs(b) ||
    compareUtf8(a.kind, b.kind) ||
    compareUtf8(a.subject, b.subject) ||
    compareUtf8(a.release, b.release)
  );
}

export function raisedAtMs({ states }: Pick<AlertHistory, 'states'>): number {
  return (states[0] as AlertState).atMs;
}
