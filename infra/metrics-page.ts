import { METRICS } from '../services/shared/metrics.js';

const HEAD = `# Metrics

What every service serves at \`/metrics\`, each with the label \`service\`. This page is written by \`npm run generate\` from
\`services/shared/metrics.ts\`; rules that say when somebody should look are in
[prometheus/rules.yaml](prometheus/rules.yaml), and what to do then in [runbook.md](runbook.md).

`;

/** The whole text of infra/metrics.md. */
export function metricsPage(): string {
  const title = ['metric', 'kind', 'unit', 'labels', 'meaning'];
  const rows = Object.values(METRICS).map(({ name, kind, unit, labels, help }) => {
    return [`\`${name}\``, kind, unit, labels.join(', '), help];
  });
  return HEAD + table([title, ...rows]);
}

/** With columns as wide as their widest cell, as prettier wants them. */
function table([title = [], ...rows]: readonly string[][]): string {
  const widths = title.map((_, i) => Math.max(3, ...[title, ...rows].map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |\n`;
  return [line(title), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('');
}
