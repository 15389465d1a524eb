import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { now } from './clock.js';

/** The last word of a name, `_total` aside, so that nobody has to guess. */
export type Unit =
  | 'seconds'
  | 'bytes'
  | 'records'
  | 'rows'
  | 'offsets'
  | 'attempts'
  | 'copies'
  | 'payments'
  | 'alerts'
  | 'notifications';

interface Spec<Kind extends string, Label extends string> {
  readonly kind: Kind;
  /** `backtrail_<noun>_<unit>`, of a counter with `_total` (SPEC 11). */
  readonly name: string;
  readonly unit: Unit;
  readonly labels: readonly Label[];
  readonly help: string;
  readonly buckets: readonly number[];
}

type Labels<Label extends string> = readonly Label[];

function counter<Label extends string>(name: string, unit: Unit, labels: Labels<Label>, help: string) {
  return { kind: 'counter', name: `backtrail_${name}_${unit}_total`, unit, labels, help, buckets: [] } as const;
}

function gauge<Label extends string>(name: string, unit: Unit, labels: Labels<Label>, help: string) {
  return { kind: 'gauge', name: `backtrail_${name}_${unit}`, unit, labels, help, buckets: [] } as const;
}

function seconds<Label extends string>(name: string, labels: Labels<Label>, help: string, buckets: readonly number[]) {
  return { kind: 'histogram', name: `backtrail_${name}_seconds`, unit: 'seconds', labels, help, buckets } as const;
}

const MOMENTS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];
const NONE: Labels<never> = [];

/** Every metric there is: name, unit, labels, meaning. infra/metrics.md is this table, for who writes rules and boards. */
export const METRICS = {
  started: gauge('started', 'seconds', NONE, 'Unix time at which this instance started.'),
  records: counter('applied', 'records', ['topic', 'fate'], 'Records read and applied; fate is fact or dead_letter.'),
  rows: counter('written', 'rows', ['table'], 'Rows ClickHouse acknowledged.'),
  gapOffsets: counter('gap', 'offsets', ['topic'], 'Offsets declared as gaps: the log had no record there.'),
  retries: counter(
    'retries',
    'attempts',
    ['code'],
    'Times something had to be tried again because a dependency was away; code is the error code.',
  ),
  batchSeconds: seconds(
    'batch',
    ['stage'],
    'Time of a batch; stage is read (decode, judge, make rows), write (insert) or join (look, compute, write rows).',
    [0.001, ...MOMENTS],
  ),
  bufferedRecords: gauge(
    'buffered',
    'records',
    ['buffer'],
    'In memory, on their way; buffer is gathered (read, wait for their write), writing (the write under way), sweep (rows judged again), links (payments to be computed again) or copies (records that share an event or inference).',
  ),
  bufferedMaxRecords: gauge(
    'buffered_max',
    'records',
    ['buffer'],
    'Bound of backtrail_buffered_records, of each buffer that has one. What is read beyond it waits; a single batch may be larger.',
  ),
  bufferedBytes: gauge(
    'buffered',
    'bytes',
    ['buffer'],
    'Bytes of what is gathered and writing: its rows, and the values of the records that are kept beside them.',
  ),
  bufferedMaxBytes: gauge(
    'buffered_max',
    'bytes',
    ['buffer'],
    'Bound of backtrail_buffered_bytes, of each buffer. What is read beyond it waits; a single batch may be larger.',
  ),
  pausedSince: gauge(
    'paused_since',
    'seconds',
    ['reason'],
    'Unix time since which nothing is read, 0 while reading goes on; reason is database (what was read is not written yet) or input (the schema of a record, or the releases, cannot be had).',
  ),
  paused: counter('paused', 'seconds', ['reason'], 'Time for which nothing was read, of pauses that are over.'),
  nextOffset: gauge(
    'next_offset',
    'records',
    ['topic', 'partition'],
    'Everything below this offset is applied and durable.',
  ),
  lagRecords: gauge(
    'lag',
    'records',
    ['topic', 'partition'],
    'Records in the log that are not applied yet, as of the last look.',
  ),
  completeUntil: gauge(
    'complete_until',
    'seconds',
    ['topic', 'partition'],
    'Unix time: everything appended to the partition up to then is applied, told apart from copies, swept and linked.',
  ),
  releaseOffset: gauge('release_offset', 'records', NONE, 'Releases known to this instance: all below this offset.'),
  sweptRows: counter('swept', 'rows', NONE, 'Rows computed again because release knowledge grew.'),
  sweepsWaiting: gauge(
    'sweeps_waiting',
    'records',
    NONE,
    'Release records whose consequences for older rows are not written yet.',
  ),
  unsettled: gauge(
    'unsettled',
    'records',
    ['topic', 'partition'],
    'Offsets that are durable and not told apart from copies yet.',
  ),
  settleSeconds: seconds('settle', NONE, 'Time of one look for the copies of new records.', MOMENTS),
  copies: counter(
    'found',
    'copies',
    ['finding'],
    'Records that do not count; finding is DUPLICATE, EVENT_ID_CONFLICT or SAME_INFERENCE.',
  ),
  linkSeconds: seconds(
    'link',
    NONE,
    'Time of one look for the payments that name inferences which came after them.',
    MOMENTS,
  ),
  linkedPayments: counter(
    'linked',
    'payments',
    NONE,
    'Payments computed again because an inference that they name was settled.',
  ),
  paymentsWaiting: gauge(
    'waiting',
    'payments',
    NONE,
    'Payments that name an inference, or a session, of which no record is known. Of all: every instance says the same.',
  ),
  paymentsWaitingOldest: gauge(
    'waiting_oldest',
    'seconds',
    NONE,
    'For how long the oldest waiting payment waits; 0 when none does.',
  ),
  notifications: counter(
    'sent',
    'notifications',
    ['receiver', 'outcome'],
    'Notifications of alerts sent; outcome is delivered, again (to be sent again) or refused.',
  ),
  notificationSeconds: seconds(
    'notification',
    ['receiver'],
    'Time until a receiver of alerts answered a notification, or failed to.',
    MOMENTS,
  ),
  notifiedAlerts: counter(
    'notified',
    'alerts',
    ['receiver', 'outcome'],
    'States of alerts decided on; outcome is delivered, counted, silenced, given_up or superseded.',
  ),
  alertsPending: gauge(
    'pending',
    'alerts',
    ['receiver'],
    'States of alerts that a receiver is still to be told, as far as they were read.',
  ),
  alertsPendingMax: gauge(
    'pending_max',
    'alerts',
    NONE,
    'Bound of backtrail_pending_alerts, of each receiver: near it no more are read until some are told.',
  ),
  alertsPendingOldest: gauge(
    'pending_alerts_oldest',
    'seconds',
    ['receiver'],
    'For how long the oldest of them waits; 0 when none does. Longer than its group_interval: it does not answer.',
  ),
} as const;

type Table = typeof METRICS;
type LabelOf<S> = S extends { readonly labels: readonly (infer L extends string)[] } ? L : never;
type Instrument<S extends Table[keyof Table]> = S['kind'] extends 'counter'
  ? Counter<LabelOf<S>>
  : S['kind'] extends 'gauge'
    ? Gauge<LabelOf<S>>
    : Histogram<LabelOf<S>>;

/** The metrics of one service. A registry of its own, so that several services can live in one process. */
export type Metrics = { readonly registry: Registry } & { readonly [N in keyof Table]: Instrument<Table[N]> };

export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const made = Object.entries(METRICS).map(([key, spec]) => [key, instrument(spec, registry)]);
  const metrics = { registry, ...(Object.fromEntries(made) as Omit<Metrics, 'registry'>) };
  metrics.started.set(now() / 1000);
  return metrics;
}

function instrument(spec: Spec<string, string>, registry: Registry): Counter | Gauge | Histogram {
  const { kind, name, help, labels, buckets } = spec;
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === 'counter') return new Counter(options);
  if (kind === 'gauge') return new Gauge(options);
  return new Histogram({ ...options, buckets: [...buckets] });
}
