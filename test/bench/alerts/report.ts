import { aim, line, whole } from '../scale/report.js';
import type { AlertsFigures, Delays } from './alerts.js';

const AIM_P99_MS = 1000;
/** Below this share of the rate that was asked for, the machine does not hold it. */
const HELD = 0.97;

/** Tables for the README. What misses its aim says so, and what the machine could not do. */
export function tablesOf(figures: AlertsFigures): string {
  const { models, repeated, settled, flagged, withdrawn } = figures;
  return [
    rateLine(figures),
    '',
    line('from append to alert', 'alerts', 'p50', 'p95', 'p99', 'max', `aim: p99 below ${whole(AIM_P99_MS)} ms`),
    line('---', '--:', '--:', '--:', '--:', '--:', '---'),
    line(
      'a payment settles on a flagged release',
      count(settled),
      ...[settled.p50Ms, settled.p95Ms, settled.p99Ms, settled.maxMs].map(ms),
      aim(settled.p99Ms < AIM_P99_MS && settled.came === settled.due),
    ),
    '',
    line('from append to alerts', 'alerts', 'first', 'p50', 'last'),
    line('---', '--:', '--:', '--:', '--:'),
    late('a flag over payments that settled before', flagged),
    late('the flag is withdrawn', withdrawn),
    '',
    `${models} models; states that the topic has more than once: ${repeated}`,
    '',
    processorsLine(figures),
  ].join('\n');
}

function rateLine({ rate, sentPerSecond, appliedPerSecond, behind, seconds }: AlertsFigures): string {
  const reached = `sent ${whole(sentPerSecond)}/s, applied ${whole(appliedPerSecond)}/s, ${whole(behind)} events behind after ${seconds} s`;
  const isHeld = Math.min(sentPerSecond, appliedPerSecond) >= rate * HELD;
  return isHeld
    ? `${whole(rate)} events/s beside it (${reached})`
    : `**This machine does not hold ${whole(rate)} events/s**: ${reached}`;
}

function processorsLine({ processors }: AlertsFigures): string {
  const used = Object.entries(processors).sort(([, a], [, b]) => b - a);
  return `Processors in use: ${used.map(([name, share]) => `${name} ${share.toFixed(2)}`).join(', ')}`;
}

function late(what: string, delays: Delays): string {
  return line(what, count(delays), ms(delays.firstMs), ms(delays.p50Ms), ms(delays.maxMs));
}

function count({ due, came }: Delays): string {
  return due === came ? whole(due) : `**${whole(came)} of ${whole(due)}**`;
}

function ms(time: number): string {
  return `${whole(time)} ms`;
}
