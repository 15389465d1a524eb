import type { AlertKind } from '../shared/core/alert-ledger.js';

/** Holds back the delivery of alerts, not the alerts. Null is any. */
export interface Silence {
  readonly id: string;
  readonly modelId: string;
  readonly release: string | null;
  readonly kind: AlertKind | null;
  readonly severity: string | null;
  readonly fromMs: number;
  readonly endMs: number;
}

interface Silenceable {
  readonly modelId: string;
  readonly release: string;
  readonly kind: AlertKind;
  readonly severity: string | null;
}

/** The silence that holds an alert back at a time, or null; of several the one that ends last. */
export function silenceOf(alert: Silenceable, silences: readonly Silence[], atMs: number): Silence | null {
  const holding = silences.filter(
    (silence) =>
      silence.fromMs <= atMs &&
      atMs < silence.endMs &&
      silence.modelId === alert.modelId &&
      (silence.release === null || silence.release === alert.release) &&
      (silence.kind === null || silence.kind === alert.kind) &&
      (silence.severity === null || silence.severity === alert.severity),
  );
  return holding.sort((a, b) => b.endMs - a.endMs)[0] ?? null;
}
