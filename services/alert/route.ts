import type { AlertKind } from '../shared/core/alert-ledger.js';
import type { Receiver } from './receivers.js';

/** By what a receiver is chosen. */
export interface Routed {
  readonly kind: AlertKind;
  readonly modelId: string;
  readonly severity: string | null;
}

/** Whether a receiver is told of an alert. The default also gets what nobody else takes: no alert is heard by none. */
export function isFor(alert: Routed, receiver: Receiver, all: readonly Receiver[]): boolean {
  if (takes(receiver, alert)) return true;
  return receiver.isDefault && inScope(receiver, alert) && !all.some((other) => takes(other, alert));
}

function takes(receiver: Receiver, alert: Routed): boolean {
  const { severities } = receiver;
  return (
    inScope(receiver, alert) &&
    (severities === null || (alert.severity !== null && severities.includes(alert.severity)))
  );
}

function inScope({ kinds, models }: Receiver, { kind, modelId }: Routed): boolean {
  return (kinds === null || kinds.includes(kind)) && (models === null || models.includes(modelId));
}
