import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of one service. A registry of its own, so that several services can live in one process. */
export interface Metrics {
  readonly registry: Registry;
  readonly records: Counter<'topic' | 'fate'>;
  readonly rows: Counter<'table'>;
  readonly gapOffsets: Counter<'topic'>;
  readonly retries: Counter<'code'>;
  readonly batchSeconds: Histogram<'stage'>;
  readonly nextOffset: Gauge<'topic' | 'partition'>;
  readonly lagRecords: Gauge<'topic' | 'partition'>;
  readonly releaseOffset: Gauge;
  readonly sweptRows: Counter;
  readonly sweepsWaiting: Gauge;
  readonly unsettled: Gauge<'topic' | 'partition'>;
  readonly settleSeconds: Histogram;
  readonly copies: Counter<'finding'>;
  readonly linkSeconds: Histogram;
  readonly linkedPayments: Counter;
  readonly paymentsWaiting: Gauge;
  readonly paymentsWaitingOldest: Gauge;
}

/** Every metric there is, by name and meaning. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const registers = [registry];
  return {
    registry,
    records: new Counter({
      name: 'backtrail_records_applied_total',
      help: 'Records read and applied, by topic and fate: fact or dead_letter.',
      labelNames: ['topic', 'fate'],
      registers,
    }),
    rows: new Counter({
      name: 'backtrail_rows_written_total',
      help: 'Rows ClickHouse acknowledged, by table.',
      labelNames: ['table'],
      registers,
    }),
    gapOffsets: new Counter({
      name: 'backtrail_gap_offsets_total',
      help: 'Offsets declared as gaps: the log had no record there.',
      labelNames: ['topic'],
      registers,
    }),
    retries: new Counter({
      name: 'backtrail_retries_attempts_total',
      help: 'Times a batch had to be tried again because a dependency was away, by error code.',
      labelNames: ['code'],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'backtrail_batch_seconds',
      help: 'Time of a batch by stage: read (decode, judge, make rows), write (insert), join (look, compute, write rows).',
      labelNames: ['stage'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    nextOffset: new Gauge({
      name: 'backtrail_next_offset_records',
      help: 'Everything below this offset is applied and durable.',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    lagRecords: new Gauge({
      name: 'backtrail_lag_records',
      help: 'Records in the log that are not applied yet, as of the last look.',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    releaseOffset: new Gauge({
      name: 'backtrail_release_offset_records',
      help: 'Release records known to this instance: everything below this offset.',
      registers,
    }),
    sweptRows: new Counter({
      name: 'backtrail_swept_rows_total',
      help: 'Rows computed again because release knowledge grew.',
      registers,
    }),
    sweepsWaiting: new Gauge({
      name: 'backtrail_sweeps_waiting_records',
      help: 'Release records whose consequences for older rows are not written yet.',
      registers,
    }),
    unsettled: new Gauge({
      name: 'backtrail_unsettled_records',
      help: 'Offsets that are durable and not told apart from copies yet.',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    settleSeconds: new Histogram({
      name: 'backtrail_settle_seconds',
      help: 'Time of one look for the copies of new records.',
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    copies: new Counter({
      name: 'backtrail_copies_found_total',
      help: 'Records that do not count, by finding: DUPLICATE, EVENT_ID_CONFLICT or SAME_INFERENCE.',
      labelNames: ['finding'],
      registers,
    }),
    linkSeconds: new Histogram({
      name: 'backtrail_link_seconds',
      help: 'Time of one look for the payments that name inferences which came after them.',
      buckets: [0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    linkedPayments: new Counter({
      name: 'backtrail_payments_linked_total',
      help: 'Payments computed again because an inference that they name was settled.',
      registers,
    }),
    paymentsWaiting: new Gauge({
      name: 'backtrail_payments_waiting',
      help: 'Payments that name an inference, or a session, of which no record is known. Of all payments: every instance says the same.',
      registers,
    }),
    paymentsWaitingOldest: new Gauge({
      name: 'backtrail_payments_waiting_oldest_seconds',
      help: 'For how long the oldest of them waits; 0 when none does.',
      registers,
    }),
  };
}
