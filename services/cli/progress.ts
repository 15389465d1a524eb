import type { Environment, TextSink } from './context.js';
import { elapsedMs } from '../shared/clock.js';

/** A line that is drawn over itself while something long goes on. */
export interface ProgressLine {
  /** Shows the text, at most ten times a second. */
  update(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

const REDRAW_MS = 100;
const DEFAULT_COLUMNS = 80;

/** Draws on a terminal only: a log file or a pipe gets no progress (SPEC 11). */
export function progressLine(sink: TextSink, env: Environment): ProgressLine {
  if (sink.isTTY !== true || env['TERM'] === 'dumb') return { update: () => undefined, clear: () => undefined };
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    update(text) {
      if (elapsedMs() - drawnAtMs < REDRAW_MS) return;
      drawnAtMs = elapsedMs();
      shown = true;
      sink.write(`\r\u001b[2K${text.slice(0, (sink.columns ?? DEFAULT_COLUMNS) - 1)}`);
    },
    clear() {
      if (shown) sink.write('\r\u001b[2K');
      shown = false;
      drawnAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}
