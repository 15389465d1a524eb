import { agentClassifier } from '../shared/clickhouse/ask/of-agents.js';
import { incidentsOf } from '../shared/clickhouse/ask/of-model.js';
import { stateOf } from '../shared/clickhouse/ask/state.js';
import { AS_OF, dateTime, sumColumns, sumOf, type ViewReader, UNMERGED } from '../shared/clickhouse/ask/view-reader.js';
import { groupBy } from '../shared/core/group.js';
import type { Incident } from '../shared/core/incident.js';
import type { TrailSettings } from '../shared/core/trail.js';
import type { WindowReport } from './to-row.js';

interface Windowed {
  readonly release: string;
  readonly activation: number;
}
type Counts = Windowed & Readonly<Record<string, unknown>>;

const THE_MODEL = 'model_id = {model:String}';

/** The windows and incidents of a model as known at K: counted by views, its agents classified by the core. */
export async function reportsOf(
  views: ViewReader,
  model: string,
  { knownAtMs, settings }: { readonly knownAtMs: number; readonly settings: TrailSettings },
): Promise<{ windows: WindowReport[]; incidents: Incident[] }> {
  const state = await stateOf(views, model, knownAtMs);
  const params = { model, known: dateTime(knownAtMs) };
  const [inferences, proofs, active, work, classify, incidents] = await Promise.all([
    views.rows<Counts>(`SELECT * FROM window_counts${AS_OF} WHERE ${THE_MODEL}`, params),
    views.rows<Windowed & { path: string; state: string; inferences: string }>(
      `SELECT release, activation, path, state, inferences FROM window_proofs${AS_OF} WHERE ${THE_MODEL}`,
      params,
    ),
    views.rows<Counts>(
      `SELECT release, activation, uniqExact(payment_id) AS payments FROM settled_while_active${AS_OF}
       WHERE ${THE_MODEL} GROUP BY release, activation ${UNMERGED}`,
      params,
    ),
    views.rows<Counts>(WORK, params),
    agentClassifier(views, { model }, { knownAtMs, ...settings }),
    incidentsOf(views, model, state),
  ]);
  const counts = byWindow(inferences);
  const proofCounts = groupBy(proofs, keyOf);
  const activePayments = byWindow(active);
  const workPayments = byWindow(work);
  const windows = state.activations.map((window): WindowReport => {
    const key = keyOf({ release: window.release, activation: window.number });
    const number = (rows: ReadonlyMap<string, Counts>, column: string): number => Number(rows.get(key)?.[column] ?? 0);
    const paid = workPayments.get(key);
    return {
      modelId: model,
      window,
      inferences: {
        active: number(counts, 'active'),
        stale: number(counts, 'stale'),
        possible: number(counts, 'possible'),
      },
      proofs: (proofCounts.get(key) ?? []).map((row) => ({
        path: row.path,
        state: row.state,
        inferences: Number(row.inferences),
      })),
      agents: classify(window),
      payments: {
        settledWhileActive: number(activePayments, 'payments'),
        settledForWork: number(workPayments, 'work'),
        possible: number(workPayments, 'possible'),
        amount: {
          work: sumOf(paid, 'work_sum'),
          possible: sumOf(paid, 'possible_sum'),
          late: sumOf(paid, 'late_sum'),
        },
      },
    };
  });
  return { windows, incidents };
}

const WORK = `
  SELECT release, activation, countIf(is_work) AS work, countIf(NOT is_work) AS possible,
    ${sumColumns('work_sum', 'work_amount')}, ${sumColumns('possible_sum', 'possible_amount')},
    ${sumColumns('late_sum', 'late_amount')}
  FROM (
    SELECT release, activation, payment_id, max(certain) AS is_work,
      sumIf(amount, certain AND NOT refunded) AS work_amount,
      sumIf(amount, NOT certain AND NOT refunded) AS possible_amount,
      sumIf(amount, certain AND late AND NOT refunded) AS late_amount
    FROM settled_work${AS_OF}
    WHERE ${THE_MODEL} AND activation IS NOT NULL
    GROUP BY release, activation, payment_id
  ) GROUP BY release, activation ${UNMERGED}`;

function keyOf({ release, activation }: Windowed): string {
  return `${activation} ${release}`;
}

function byWindow(rows: readonly Counts[]): Map<string, Counts> {
  return new Map(rows.map((row) => [keyOf(row), row]));
}
