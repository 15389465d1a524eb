import type { Stream } from '../../../services/shared/core/record.js';
import type { AppliedAfter } from './applied.js';
import type { FlagFigure } from './flag.js';
import type { QuestionFigure } from './questions.js';
import type { RollbackFigure } from './rollback.js';

export interface LoadFigure {
  /** Records of this part, all of them in the topics before the services look. */
  readonly sent: Readonly<Record<Stream, number>>;
  readonly appliedAfter: AppliedAfter;
  /** The most memory each process had up to the end of this part, bytes. */
  readonly peakBytes: Readonly<Record<string, number>>;
}

export interface ScaleFigures {
  readonly inferences: number;
  readonly models: number;
  readonly valueBytes: number;
  readonly loads: readonly LoadFigure[];
  readonly flag: FlagFigure;
  readonly rollback: RollbackFigure;
  readonly questions: readonly QuestionFigure[];
}

const MIB = 1024 * 1024;
const AIM_SHOWN_MS = 2000;
const AIM_PEAK_MIB = 300;

/** Tables for the README. What misses its aim says so. */
export function tablesOf(figures: ScaleFigures): string {
  const { inferences, models, valueBytes } = figures;
  return [
    `${whole(inferences)} inferences of ${whole(valueBytes)} bytes, ${models} models`,
    '',
    ...loadTable(figures.loads),
    '',
    ...memoryTable(figures.loads),
    '',
    ...flagTable(figures.flag),
    '',
    ...rollbackLines(figures.rollback),
    '',
    ...questionTable(figures.questions),
  ].join('\n');
}

function loadTable(loads: readonly LoadFigure[]): string[] {
  const streams = ['inferences', 'proofs', 'payments', 'agents'] as const;
  return [
    line('loaded', ...streams, 'all linked after'),
    line('---', ...streams.map(() => '--:'), '--:'),
    ...loads.map(({ sent, appliedAfter }, part) =>
      line(
        `part ${part + 1}`,
        ...streams.map((stream) => {
          const seconds = appliedAfter[stream] ?? Number.NaN;
          return `${whole(sent[stream])} in ${seconds.toFixed(1)} s (${whole(sent[stream] / seconds)}/s)`;
        }),
        `${(appliedAfter.links ?? Number.NaN).toFixed(1)} s`,
      ),
    ),
  ];
}

function memoryTable(loads: readonly LoadFigure[]): string[] {
  const names = Object.keys(loads[0]?.peakBytes ?? {});
  const last = loads.at(-1);
  return [
    line('peak memory, MiB', ...loads.map((_, part) => `after part ${part + 1}`), `aim: under ${AIM_PEAK_MIB}`),
    line('---', ...loads.map(() => '--:'), '---'),
    ...names.map((name) => {
      const peak = (last?.peakBytes[name] ?? Number.NaN) / MIB;
      const server = ['kafka', 'registry', 'clickhouse'].includes(name);
      const verdict = server ? 'a server: no aim' : aim(peak < AIM_PEAK_MIB);
      return line(name, ...loads.map((load) => whole((load.peakBytes[name] ?? Number.NaN) / MIB)), verdict);
    }),
  ];
}

function flagTable({ covered, shownAfterMs, alerts }: FlagFigure): string[] {
  return [
    line(`a flag over ${whole(covered)} inferences, after the fact`, 'shown after', `aim: ${AIM_SHOWN_MS} ms`),
    line('---', '--:', '---'),
    ...Object.entries(shownAfterMs).map(([what, ms]) => line(what, `${whole(ms)} ms`, aim(ms < AIM_SHOWN_MS))),
    line(`the last of ${whole(alerts.count)} alerts is out`, `${whole(alerts.outAfterMs)} ms`, 'no aim'),
  ];
}

function rollbackLines({ corrected, seconds, live, compared, different }: RollbackFigure): string[] {
  return [
    `A back-dated rollback attributes ${whole(corrected)} inferences anew in ${seconds.toFixed(1)} s ` +
      `(${whole(corrected / seconds)}/s), while ${whole(live.perSecond)} new ones a second become visible after ` +
      `p50 ${whole(live.p50Ms)} ms, p99 ${whole(live.p99Ms)} ms, at most ${whole(live.maxMs)} ms. ` +
      `Of ${whole(compared)} rows judged again by the core, ${whole(different)} differ.`,
  ];
}

function questionTable(questions: readonly QuestionFigure[]): string[] {
  const names = [...new Set(questions.map(({ question }) => question))];
  const figure = (name: string, known: QuestionFigure['known']): QuestionFigure | undefined =>
    questions.find((one) => one.question === name && one.known === known);
  return [
    line('question', 'now, p50', 'now, p95', 'as of earlier, p50', 'as of earlier, p95', 'answer'),
    line('---', '--:', '--:', '--:', '--:', '--:'),
    ...names.map((name) => {
      const [now, earlier] = [figure(name, 'now'), figure(name, 'earlier')];
      const times = [now?.p50Ms, now?.p95Ms, earlier?.p50Ms, earlier?.p95Ms];
      return line(name, ...times.map((ms) => `${whole(ms ?? Number.NaN)} ms`), `${kib(now?.answerBytes)} KiB`);
    }),
    ...questions.flatMap(({ question, known, failed }) =>
      failed === undefined ? [] : ['', `**No answer** to ${question}, ${known}: ${failed}`],
    ),
  ];
}

export function aim(met: boolean): string {
  return met ? 'met' : '**missed**';
}

function kib(bytes = Number.NaN): string {
  return (bytes / 1024).toFixed(1);
}

export function whole(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

export function line(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
