import type { Figure, Figures } from './bench.js';

const MIB = 1024 * 1024;
const NAMES = {
  pipeline: 'inference service, end to end',
  decode: 'kafkajs + full decode, nothing else',
  insert: 'inserting the same rows, nothing else',
};

/** The figures as a table for people: medians of the runs. */
export function tableOf({ records, valueBytes, runs, latency }: Figures): string {
  const kinds = (['pipeline', 'decode', 'insert'] as const).map((what) => medianOf(runs, what));
  const ours = kinds[0];
  const lines = [
    `${records} records of ${Math.round(valueBytes)} bytes, gzip; CPU seconds are for a million records`,
    '',
    row('', 'records/s', 'ours in %', 'consumer', 'ClickHouse', 'broker', 'peak MiB'),
  ];
  for (const figure of kinds) {
    const { cpu, what } = figure;
    lines.push(
      row(
        NAMES[what],
        Math.round(figure.perSecond),
        Math.round(((ours?.perSecond ?? 0) / figure.perSecond) * 100),
        seconds(cpu[what]),
        seconds(cpu['clickhouse']),
        seconds(cpu['kafka']),
        Math.round(figure.peakBytes / MIB),
      ),
    );
  }
  if (latency !== null) {
    const { perSecond, p50Ms, p99Ms, maxMs } = latency;
    lines.push('', `append -> visible at ${perSecond}/s: p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms`);
  }
  return lines.join('\n');
}

function medianOf(runs: readonly Figure[], what: Figure['what']): Figure {
  const sorted = runs.filter((run) => run.what === what).sort((a, b) => a.perSecond - b.perSecond);
  return sorted[Math.floor(sorted.length / 2)] as Figure;
}

function seconds(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(1);
}

function row(name: string, ...cells: (string | number)[]): string {
  return name.padEnd(40) + cells.map((cell) => String(cell).padStart(12)).join('');
}
