import { printable, tableLines, type Column } from './table.js';
import type {
  AgentsAnswer,
  AlertAnswer,
  IncidentReport,
  ModelReport,
  Report,
  UnknownReport,
  WindowAnswer,
} from '../demo/incident-report.js';
import { formatAmount, grouped } from '../demo/money.js';

export type Emphasis = (tone: 'title' | 'bad' | 'good' | 'quiet', text: string) => string;

/** So many ids of a list are named in a report; the command that lists all of them stands beside. */
const NAMED_MAX = 4;
const ALERTS_MAX = 6;
/** Where the answers to the five questions begin. */
const MARGIN = ' '.repeat(30);

/** The incident report for the person on call: worst first, then what happened, then what is not known. */
export function reportLines(report: Report, emphasis: Emphasis): string[] {
  const incidents = report.models.flatMap(({ incidents: own }) => own);
  const total = Object.values(report.sent).reduce((sum, count) => sum + count, 0);
  const sent = Object.entries(report.sent).map(([topic, count]) => `${grouped(count)} ${topic}`);
  return [
    emphasis('title', 'INCIDENT REPORT'),
    `as known at ${report.known_at}, from ${grouped(total)} records: ${sent.join(', ')}`,
    '',
    ...summaryLines(incidents, report, emphasis),
    ...report.models.flatMap((model) => modelLines(model, report, emphasis)),
    ...unknownLines(report.unknown, report.asset, emphasis),
    '',
    ...stageLines(report, emphasis),
  ];
}

function summaryLines(incidents: readonly IncidentReport[], report: Report, emphasis: Emphasis): string[] {
  if (incidents.length === 0) return ['No release is flagged.', ''];
  const columns: Column[] = [
    { title: 'model' },
    { title: 'release' },
    { title: 'state' },
    { title: 'tainted', align: 'right' },
    { title: 'possible', align: 'right' },
    { title: 'money tainted', align: 'right' },
    { title: 'alerts firing', align: 'right' },
  ];
  const rows = incidents.map(({ incident, taint, alerts }) => [
    printable(incident.model),
    printable(incident.release),
    incident.state,
    grouped(taint.certain.length),
    grouped(taint.possible.length),
    formatAmount(taint.amount.tainted, report.asset),
    grouped(alerts.filter(({ state }) => state === 'firing').length),
  ]);
  return [
    emphasis('title', `${incidents.length} incident${incidents.length === 1 ? '' : 's'}`),
    ...tableLines(columns, rows),
    '',
  ];
}

function modelLines(model: ModelReport, report: Report, emphasis: Emphasis): string[] {
  return [
    emphasis('title', `MODEL ${printable(model.model)}`),
    ...timelineLines(model.windows).map(indented),
    '',
    ...model.incidents.flatMap((incident) => [...incidentLines(incident, report, emphasis), '']),
  ];
}

function timelineLines(windows: readonly WindowAnswer[]): string[] {
  const columns = ['from', 'to', 'release', 'activation', 'ended by', ''].map((title) => ({ title }));
  return tableLines(
    columns,
    windows.map((window) => [
      window.from,
      window.to ?? 'open',
      printable(window.release),
      String(window.activation),
      window.undone_by_rollback
        ? `rollback to ${printable(window.restored ?? '')}`
        : window.to === null
          ? ''
          : 'traffic',
      window.flagged ? 'FLAGGED' : '',
    ]),
  );
}

function incidentLines(report: IncidentReport, { asset }: Report, emphasis: Emphasis): string[] {
  const { incident, taint, payments } = report;
  const { model, release, state } = incident;
  const tone = state === 'active' || state === 'reopened' ? 'bad' : state === 'withdrawn' ? 'quiet' : 'title';
  const money = (units: string): string => formatAmount(units, asset);
  const command = (ask: string): string => emphasis('quiet', `backtrail ask ${ask} ${shell(model)} ${shell(release)}`);
  const activations = incident.activations.join(', ');
  return [
    emphasis(
      tone,
      `  Incident ${printable(release)}: ${state}${activations === '' ? '' : `, activations ${activations}`}`,
    ),
    `    contained at ${incident.contained_at ?? '-'}, recovered at ${incident.recovered_at ?? '-'}`,
    `    under a flag for certain: ${grouped(taint.certain.length)} requests, settled for ${money(taint.amount.tainted)}`,
    `    under a flag possibly:    ${grouped(taint.possible.length)} requests, settled for ${money(taint.amount.possible)}`,
    `    1 Which release served?   ${servedSentence(report)}`,
    ...(report.example === null ? [] : [`      such as ${exampleSentence(report)}`]),
    `    2 Which Blob ID?          ${blobSentence(report)}`,
    `    3 Which proof path?       ${proofSentence(report)}`,
    ...report.agents.flatMap((agents) => agentLines(agents, agents.activation).map((line) => `    ${line}`)),
    `    5 Which payments?         ${grouped(payments.settled_while_active.length)} settled while it was active`,
    `${MARGIN}${grouped(payments.settled_for_work.length)} settled for its work: ${money(payments.amount.work)}`,
    `${MARGIN}${grouped(payments.late.length)} of these late: ${money(payments.amount.late)}`,
    `${MARGIN}${grouped(payments.possible.length)} more possibly; parts that could be its work: ${money(payments.amount.possible)}`,
    `${MARGIN}${command('payments')}`,
    ...alertLines(report.alerts).map((line) => `    ${line}`),
  ];
}

function servedSentence({ served, taint }: IncidentReport): string {
  const parts = served.map(
    ({ activation, phase, requests }) =>
      `${grouped(requests)} ${phase}${activation === null ? '' : ` (activation ${activation})`}`,
  );
  const possible = taint.possible.length === 0 ? [] : [`${grouped(taint.possible.length)} more could be its work`];
  return parts.length === 0 ? 'none is known to be its work' : [...parts, ...possible].join(', ');
}

function exampleSentence({ example }: IncidentReport): string {
  if (example === null) return '';
  const { inference, release, basis, phase, findings } = example;
  const said = findings.length === 0 ? '' : `, ${findings.join(', ')}`;
  return `${printable(inference)}: ${printable(release ?? '')} by ${basis ?? ''}, ${phase ?? ''}${said}`;
}

function blobSentence({ blobs }: IncidentReport): string {
  const named = blobs.flatMap(({ blob_id: id, requests }) =>
    id === null ? [] : [`${printable(id)} (${grouped(requests)})`],
  );
  const none = blobs.find(({ blob_id: id }) => id === null);
  const without = none === undefined ? [] : [`${grouped(none.requests)} requests carry none`];
  return [...shortened(named), ...without].join(', ') || 'none';
}

function proofSentence({ proofs }: IncidentReport): string {
  const parts = proofs.map(
    ({ state, path, requests }) =>
      `${grouped(requests)} ${state === 'none' ? 'without proof' : state}${path === null ? '' : ` by ${path}`}`,
  );
  return parts.join(', ') || 'none';
}

function agentLines(agents: AgentsAnswer, activation: number): string[] {
  const names = (list: readonly string[]): string =>
    list.length === 0 ? '' : ` (${shortened(list.map(printable)).join(', ')})`;
  const of = (list: readonly { readonly agent: string }[]): string[] => list.map(({ agent }) => agent);
  const heading = `4 Which agents?           `;
  const blanks = ' '.repeat(heading.length);
  const lines = [
    `${heading}activation ${activation}: ${agents.changed.length} changed, ${agents.delayed.length} later, ${agents.excluded.length} exposed or changed without a link, ${agents.secondary.length} at second hand`,
    `${blanks}of the changed ${agents.persisting.length} persist${names(agents.persisting)}, ${agents.reverted.length} reverted${names(of(agents.reverted))},`,
    `${blanks}${agents.relapsed.length} relapsed${names(of(agents.relapsed))}, ${agents.unknown.length} unknown${names(agents.unknown)}`,
  ];
  return agents.changed.length === 0 ? lines.slice(0, 1) : lines;
}

function alertLines(alerts: readonly AlertAnswer[]): string[] {
  const counts = new Map<string, number>();
  for (const { kind, state, retroactive, late } of alerts) {
    const name = [kind, state, ...(retroactive ? ['retroactive'] : []), ...(late ? ['late'] : [])].join(' ');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (alerts.length === 0) return ['Alerts: none'];
  const rare = [...counts].sort(([, a], [, b]) => a - b).slice(0, ALERTS_MAX);
  return ['Alerts', ...rare.map(([name, count]) => `  ${grouped(count).padStart(5)}  ${name}`)];
}

function unknownLines(unknown: UnknownReport, asset: string | null, emphasis: Emphasis): string[] {
  const refused = unknown.dead_letters.map(({ topic, code, records }) => `${grouped(records)} ${code} in ${topic}`);
  return [
    emphasis('title', 'STILL UNKNOWN'),
    `  ${grouped(unknown.ambiguous)} requests that several releases could have served`,
    `  ${grouped(unknown.unattributed)} requests without any evidence of a release`,
    `  ${grouped(unknown.pending)} requests with a proof that was submitted and never decided`,
    `  ${grouped(unknown.waiting)} payments that name a request nobody reported`,
    `  ${formatAmount(unknown.unattributed_amount, asset)} settled for no known work`,
    `  dead letters: ${refused.length === 0 ? 'none' : refused.join(', ')}`,
  ];
}

function stageLines({ stages, checks }: Report, emphasis: Emphasis): string[] {
  const columns: Column[] = [
    { title: 'stage' },
    { title: 'time', align: 'right' },
    { title: 'events/s', align: 'right' },
  ];
  const rows = stages.map(({ stage, ms, events_per_s: rate }) => [
    stage,
    `${(ms / 1000).toFixed(2)} s`,
    rate === null ? '' : grouped(Math.round(rate)),
  ]);
  return [...tableLines(columns, rows), '', ...checkLines(checks, emphasis)];
}

const DIFFERENCES_MAX = 20;

function checkLines(checks: Report['checks'], emphasis: Emphasis): string[] {
  if (checks === null) return [];
  const { answers, requests, differences } = checks;
  if (differences.length === 0) {
    const sentence = `All ${grouped(answers)} answers, and the release of all ${grouped(requests)} requests, are what the generator knows to be true.`;
    return [emphasis('good', sentence)];
  }
  return [
    emphasis('bad', `${grouped(differences.length)} differences from what the generator knows to be true:`),
    ...differences
      .slice(0, DIFFERENCES_MAX)
      .map(
        ({ question, path, expected, actual }) =>
          `  ${JSON.stringify(question)} ${path}: expected ${shortJson(expected)}, got ${shortJson(actual)}`,
      ),
    ...(differences.length > DIFFERENCES_MAX
      ? [`  and ${differences.length - DIFFERENCES_MAX} more (--json has all)`]
      : []),
  ];
}

function shortJson(value: unknown): string {
  const text = value === undefined ? 'nothing' : printable(JSON.stringify(value));
  return text.length > 200 ? `${text.slice(0, 200)}... (${text.length} characters)` : text;
}

function shortened(names: readonly string[]): string[] {
  if (names.length <= NAMED_MAX) return [...names];
  return [...names.slice(0, NAMED_MAX), `${names.length - NAMED_MAX} more`];
}

/** An id as a word for a POSIX shell, so that a command of the report can be copied. */
function shell(id: string): string {
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(id) ? id : `'${printable(id).replaceAll("'", `'\\''`)}'`;
}

function indented(line: string): string {
  return `  ${line}`;
}
