import { elapsedMs, now } from '../clock.js';
import type { Limits } from '../config.js';
import type { Stream } from '../core/record.js';
import type { Metrics } from '../metrics.js';
import type { Definition } from './definition.js';
import { isJoined } from './loop.js';
import type { Amount } from './pipeline.js';

/** Records gathered for one write where they are kept: one takes some kilobytes, with what it is linked to. */
const RECORDS_MAX = 10_000;
/** Rows gathered for one write as lines of JSON: more than twice the bytes of the same rows in columns. */
const LINES_MAX = 20_000;

/** What nothing is read for: `database`, what was read is not written yet; `input`, what a batch needs is not known yet. */
export const PAUSE_REASONS = ['database', 'input'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** How much may be gathered for one write. */
export function gatheredMax<S extends Stream>(
  definition: Definition<S>,
  { batchRowsMax, batchBytesMax }: Pick<Limits, 'batchRowsMax' | 'batchBytesMax'>,
): Amount {
  const most = isJoined(definition) ? RECORDS_MAX : definition.attributed === undefined ? LINES_MAX : Infinity;
  return { records: Math.min(batchRowsMax, most), bytes: batchBytesMax };
}

interface Pause {
  count: number;
  readonly startedMs: number;
}

/** Says what is held in memory, what its bound is, and since when nothing is read (law L8). */
export class BackPressure {
  readonly #paused = new Map<PauseReason, Pause>();

  constructor(
    private readonly metrics: Metrics,
    max: Amount,
  ) {
    for (const buffer of ['gathered', 'writing']) {
      metrics.bufferedMaxRecords.set({ buffer }, max.records);
      metrics.bufferedMaxBytes.set({ buffer }, max.bytes);
    }
    this.held({ records: 0, bytes: 0 }, { records: 0, bytes: 0 });
    for (const reason of PAUSE_REASONS) {
      metrics.pausedSince.set({ reason }, 0);
      metrics.paused.inc({ reason }, 0);
    }
  }

  held(gathered: Amount, writing: Amount): void {
    for (const [buffer, { records, bytes }] of Object.entries({ gathered, writing })) {
      this.metrics.bufferedRecords.set({ buffer }, records);
      this.metrics.bufferedBytes.set({ buffer }, bytes);
    }
  }

  /** Nothing is read from now on. What it returns is called when that is over; of several at a time the last one counts. */
  pause(reason: PauseReason): () => void {
    const pause = this.#paused.get(reason) ?? { count: 0, startedMs: elapsedMs() };
    if (pause.count === 0) {
      this.#paused.set(reason, pause);
      this.metrics.pausedSince.set({ reason }, now() / 1000);
    }
    pause.count += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      pause.count -= 1;
      if (pause.count > 0) return;
      this.#paused.delete(reason);
      this.metrics.pausedSince.set({ reason }, 0);
      this.metrics.paused.inc({ reason }, (elapsedMs() - pause.startedMs) / 1000);
    };
  }
}
