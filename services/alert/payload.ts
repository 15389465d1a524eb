import type { AlertState } from '../shared/core/alert-ledger.js';
import { isoFromMs } from '../shared/core/time.js';
import type { Receivers } from './receivers.js';
import type { AlertRow } from './rows.js';
import { wordsOf } from './words.js';

type Texts = Readonly<Record<string, string>>;

/** One alert as Alertmanager's webhooks have it. */
export interface WebhookAlert {
  readonly status: AlertState['state'];
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

/** Alertmanager's webhook body, version 4. */
export interface WebhookBody {
  readonly version: '4';
  readonly groupKey: string;
  /** Alerts of this notification that are not listed. */
  readonly truncatedAlerts: number;
  /** Of the incident: firing as long as one of its alerts does, also one that is not listed. */
  readonly status: AlertState['state'];
  readonly receiver: string;
  readonly groupLabels: Texts;
  readonly commonLabels: Texts;
  readonly commonAnnotations: Texts;
  readonly externalURL: string;
  readonly alerts: readonly WebhookAlert[];
}

export interface Notification {
  readonly receiver: string;
  readonly modelId: string;
  readonly release: string;
  readonly status: AlertState['state'];
  /** Those that are listed, with the state that is told. */
  readonly listed: readonly { readonly alert: AlertRow; readonly told: AlertState }[];
  readonly truncated: number;
}

const NOT_ENDED = '0001-01-01T00:00:00Z';
const FINGERPRINT_CHARACTERS = 16;

export function webhookBody(
  { receiver, modelId, release, status, listed, truncated }: Notification,
  links: Pick<Receivers, 'externalUrl' | 'runbookUrl'>,
): WebhookBody {
  const alerts = listed.map(({ alert, told }) => webhookAlert(alert, told, links));
  const incident = { model_id: modelId, release };
  return {
    version: '4',
    groupKey: groupKey(modelId, release),
    truncatedAlerts: truncated,
    status,
    receiver,
    groupLabels: incident,
    commonLabels: { ...common(alerts.map(({ labels }) => labels)), ...incident },
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: links.externalUrl,
    alerts,
  };
}

/** Of an incident, the same for ever: receivers keep one page by it. */
export function groupKey(modelId: string, release: string): string {
  return `{}:{model_id=${JSON.stringify(modelId)}, release=${JSON.stringify(release)}}`;
}

function webhookAlert(
  alert: AlertRow,
  told: AlertState,
  { externalUrl, runbookUrl }: Pick<Receivers, 'externalUrl' | 'runbookUrl'>,
): WebhookAlert {
  const { alertId, kind, modelId, release, subject, severity, retroactive, late } = alert;
  const { summary, commands, runbook } = wordsOf(alert, runbookUrl);
  return {
    status: told.state,
    labels: {
      alertname: kind,
      alert_id: alertId,
      model_id: modelId,
      release,
      subject,
      retroactive: String(retroactive),
      late: String(late),
      ...(severity === null ? {} : { severity }),
    },
    annotations: { summary, look_at: commands.join('\n'), runbook_url: runbook },
    startsAt: isoFromMs(startedAtMs(alert, told)),
    endsAt: told.state === 'resolved' ? isoFromMs(told.atMs) : NOT_ENDED,
    generatorURL: externalUrl === '' ? '' : new URL(`alerts/${alertId}`, `${externalUrl.replace(/\/$/, '')}/`).href,
    fingerprint: alertId.slice(0, FINGERPRINT_CHARACTERS),
  };
}

/** Since when it fires, or fired until it was resolved. */
function startedAtMs({ states, raisedAtMs }: AlertRow, told: AlertState): number {
  if (told.state === 'firing') return told.atMs;
  return states.filter(({ state, atMs }) => state === 'firing' && atMs <= told.atMs).at(-1)?.atMs ?? raisedAtMs;
}

function common(all: readonly Texts[]): Texts {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((one) => one[name] === value)),
  );
}
