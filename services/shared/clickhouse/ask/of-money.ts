import { taintShape } from '../../core/answer-shape.js';
import type { ReleasePayments } from '../../core/payments.js';
import type { JsonObject } from '../../core/question.js';
import { Moments } from './moments.js';
import { coverageOf, stateOf, type ModelStateAt } from './state.js';
import { AS_OF, dateTime, sumColumns, sumOf, UNMERGED, type ViewReader } from './view-reader.js';

export interface Work {
  readonly model: string;
  readonly release: string;
  /** Only this activation; undefined: the release, in whatever phase. */
  readonly activation?: number;
}

/** A release that is asked about, or one activation of it, as known at K. */
interface Asked {
  readonly release: string;
  readonly activation: number | null;
  readonly knownAtMs: number;
}

/** Inferences attributed to the releases, and ambiguous ones that have them as candidates, with the activation there. */
function servedBy(moments: Moments, condition = 'true'): string {
  return `(SELECT inference_id, asked_at, occurred_at, target_id, certain, served.release AS release, served.activation AS activation
    FROM ${moments.inferences(
      `inference_id, occurred_at, target_id, status = 'attributed' AS certain,
       arrayJoin(arrayFilter(c -> has({releases:Array(String)}, c.release), candidates)) AS served`,
      `(ifNull(release IN {releases:Array(String)}, false) OR status = 'ambiguous') AND ${condition}`,
    )})`;
}

function settledParts(moments: Moments): string {
  return `(SELECT payment_id, asked_at, settled_at, refunded, part.inference_id AS inference_id, part.amount AS amount
    FROM ${moments.settledPayments()} ARRAY JOIN parts AS part)`;
}

/** The two answers about the payments of a release or of one activation, which are never merged. */
export async function paymentsOf(views: ViewReader, work: Work, knownAtMs: number): Promise<ReleasePayments> {
  const { model, release, activation = null } = work;
  const state = await stateOf(views, model, knownAtMs);
  const windows = state.activations.filter((window) => window.release === release);
  const spans = windows.filter(({ number }) => activation === null || number === activation);
  const asked = { release, activation, knownAtMs };
  // Nothing belongs to an activation that does not exist.
  const nothing = activation !== null && spans.length === 0;
  const [settledWhileActive, lists] = await Promise.all([
    spans.length === 0
      ? []
      : views.batched(`settled while active of ${model}`, asked, (all) => settledWhileActiveOf(views, model, all)),
    nothing ? undefined : views.batched(`work of ${model}`, asked, (all) => settledForWorkOf(views, model, all)),
  ]);
  return {
    settledWhileActive,
    settledForWork: lists?.work ?? [],
    possible: lists?.possible ?? [],
    late: lists?.late ?? [],
    amount: {
      work: sumOf(lists, 'work_sum'),
      possible: sumOf(lists, 'possible_sum'),
      late: sumOf(lists, 'late_sum'),
    },
  };
}

/** The activations of the release that are asked about, each with the number of the question, from 1. */
async function spansOf(views: ViewReader, model: string, asked: readonly Asked[]) {
  const states = await Promise.all(asked.map(({ knownAtMs }) => stateOf(views, model, knownAtMs)));
  return asked.flatMap(({ release, activation, knownAtMs }, i) =>
    (states[i]?.activations ?? [])
      .filter((window) => window.release === release && (activation === null || window.number === activation))
      .map((window) => ({ ...window, item: i + 1, knownAtMs })),
  );
}

async function settledWhileActiveOf(
  views: ViewReader,
  model: string,
  asked: readonly Asked[],
): Promise<(readonly string[])[]> {
  const moments = momentsOf(model, asked);
  const spans = await spansOf(views, model, asked);
  const rows = await views.rows<{ item: number; ids: string[] }>(
    `SELECT item, arraySort(groupArray(payment_id)) AS ids FROM (
       SELECT payment_id, arrayJoin(arrayDistinct(arrayFilter(
         (item, k, spanFrom, spanTo) -> k = asked_at AND settled >= spanFrom AND settled < spanTo,
         {items:Array(UInt32)}, {ks:Array(Int64)}, {froms:Array(Int64)}, {tos:Array(Int64)}))) AS item
       FROM (
         SELECT payment_id, asked_at, toUnixTimestamp64Micro(assumeNotNull(settled_at)) AS settled FROM ${moments.settledPayments()}
       )
     ) GROUP BY item ${UNMERGED}`,
    {
      ...moments.params,
      items: spans.map(({ item }) => item),
      ks: spans.map(({ knownAtMs }) => knownAtMs),
      froms: spans.map(({ from }) => from),
      tos: spans.map(({ to }) => to ?? Number.MAX_SAFE_INTEGER),
    },
  );
  return asked.map((_, i) => rows.find(({ item }) => item === i + 1)?.ids ?? []);
}

function momentsOf(model: string, asked: readonly { readonly knownAtMs: number }[]): Moments {
  return new Moments(
    model,
    asked.map(({ knownAtMs }) => knownAtMs),
  );
}

type Lists = Readonly<Record<'work' | 'possible' | 'late', string[]>> & Readonly<Record<string, unknown>>;

async function settledForWorkOf(
  views: ViewReader,
  model: string,
  asked: readonly Asked[],
): Promise<(Lists | undefined)[]> {
  const moments = momentsOf(model, asked);
  const ended = (await spansOf(views, model, asked)).filter(({ to }) => to !== null);
  const rows = await views.rows<Lists & { item: number }>(
    `SELECT
       item, arraySort(groupArrayIf(payment_id, work)) AS work, arraySort(groupArrayIf(payment_id, NOT work)) AS possible,
       arraySort(groupArrayIf(payment_id, is_late)) AS late,
       ${sumColumns('work_sum', 'work_amount')}, ${sumColumns('possible_sum', 'possible_amount')},
       ${sumColumns('late_sum', 'late_amount')}
     FROM (
       SELECT
         item, payment_id, max(certain) AS work, max(certain AND late) AS is_late,
         sumIf(amount, certain AND NOT refunded) AS work_amount,
         sumIf(amount, NOT certain AND NOT refunded) AS possible_amount,
         sumIf(amount, certain AND late AND NOT refunded) AS late_amount
       FROM (
         SELECT payment_id, amount, refunded, certain, item,
           arrayExists((ofItem, number, ended) -> ofItem = item AND number = activation AND settled >= ended,
             {items:Array(UInt32)}, {numbers:Array(UInt32)}, {ends:Array(Int64)}) AS late
         FROM (
           SELECT p.payment_id AS payment_id, p.amount AS amount, p.refunded AS refunded, i.certain AS certain,
             ifNull(i.activation, 0) AS activation, toUnixTimestamp64Micro(assumeNotNull(p.settled_at)) AS settled,
             arrayJoin(arrayFilter(
               (item, k, wanted, number) -> k = i.asked_at AND wanted = i.release AND number IN (0, ifNull(i.activation, 0)),
               arrayEnumerate({ks:Array(Int64)}), {ks:Array(Int64)}, {wanted:Array(String)}, {only:Array(UInt32)})) AS item
           FROM ${settledParts(moments)} AS p
           INNER JOIN ${servedBy(moments)} AS i ON ${moments.same('p', 'i')} p.inference_id = i.inference_id
         )
       ) GROUP BY item, payment_id
     ) GROUP BY item ${UNMERGED}`,
    {
      ...moments.params,
      releases: [...new Set(asked.map(({ release }) => release))],
      ks: asked.map(({ knownAtMs }) => knownAtMs),
      wanted: asked.map(({ release }) => release),
      only: asked.map(({ activation }) => activation ?? 0),
      items: ended.map(({ item }) => item),
      numbers: ended.map(({ number }) => number),
      ends: ended.map(({ to }) => to ?? 0),
    },
  );
  return asked.map((_, i) => rows.find(({ item }) => item === i + 1));
}

export async function taintAnswer(
  views: ViewReader,
  { model, release }: { readonly model: string; readonly release: string },
  knownAtMs: number,
): Promise<JsonObject> {
  const state = await stateOf(views, model, knownAtMs);
  const flagged = state.flaggedReleases.has(release);
  const found = coverageOf([{ state, release }]).none
    ? undefined
    : await views.batched(`taint of ${model}`, { release, knownAtMs }, (asked) => taintedOf(views, model, asked));
  return taintShape({
    flagged,
    certain: found?.certain ?? [],
    possible: found?.possible ?? [],
    amount: { tainted: sumOf(found, 'tainted_sum'), possible: sumOf(found, 'possible_sum') },
  });
}

type TaintedIds = Readonly<Record<'certain' | 'possible', string[]>>;

async function taintedOf(
  views: ViewReader,
  model: string,
  asked: readonly { readonly release: string; readonly knownAtMs: number }[],
): Promise<(TaintedIds & Readonly<Record<string, unknown>>)[]> {
  const moments = momentsOf(model, asked);
  const states = await Promise.all(asked.map(({ knownAtMs }) => stateOf(views, model, knownAtMs)));
  const coverage = coverageOf(asked.map(({ release }, i) => ({ release, state: states[i] as ModelStateAt })));
  const params = { ...moments.params, releases: [...new Set(asked.map(({ release }) => release))], ...coverage.params };
  const tainted = `(SELECT inference_id, asked_at, certain, arrayJoin(${coverage.items}) AS item
    FROM ${servedBy(moments, coverage.within)})`;
  const [ids, sums] = await Promise.all([
    views.rows<TaintedIds & { item: number }>(
      `SELECT item, arraySort(groupArrayIf(inference_id, certain)) AS certain,
         arraySort(groupArrayIf(inference_id, NOT certain)) AS possible
       FROM ${tainted} GROUP BY item`,
      params,
    ),
    views.rows<Record<string, unknown>>(
      `SELECT i.item AS item, ${sumColumns('tainted_sum', 'p.amount', 'i.certain')},
         ${sumColumns('possible_sum', 'p.amount', 'NOT i.certain')}
       FROM (SELECT inference_id, asked_at, amount FROM ${settledParts(moments)} WHERE NOT refunded) AS p
       INNER JOIN ${tainted} AS i ON ${moments.same('p', 'i')} p.inference_id = i.inference_id
       GROUP BY i.item ${UNMERGED}`,
      params,
    ),
  ]);
  return asked.map((_, i) => ({
    certain: [],
    possible: [],
    ...ids.find(({ item }) => item === i + 1),
    ...sums.find(({ item }) => item === i + 1),
  }));
}

const SETTLED_PARTS = `
  SELECT part.inference_id AS inference_id, settled_appended_at
  FROM model_payments${AS_OF} ARRAY JOIN parts AS part WHERE model_id = {model:String} AND settled_at IS NOT NULL`;

/** Whether, by append time after this, a covered stale inference was served or a payment with a tainted part settled. */
export async function workAppearedSince(
  views: ViewReader,
  { model, release, closedAtMs }: { model: string; release: string; closedAtMs: number },
  state: ModelStateAt,
): Promise<boolean> {
  const covered = coverageOf([{ state, release }]);
  if (covered.none) return false;
  const params = {
    model,
    release,
    known: dateTime(state.knownAtMs),
    closed: dateTime(closedAtMs),
    ...covered.params,
  };
  const tainted = `FROM inferences${AS_OF} WHERE model_id = {model:String} AND status = 'attributed'
    AND ifNull(release = {release:String}, false)
    AND ${covered.within} AND notEmpty(${covered.items})`;
  const since = "{closed:DateTime64(3, 'UTC')}";
  const rows = await views.rows<object>(
    `SELECT 1 ${tainted} AND ifNull(phase = 'stale', false) AND appended_at > ${since} LIMIT 1
     UNION ALL SELECT 1 FROM (${SETTLED_PARTS}) WHERE settled_appended_at > ${since}
       AND inference_id IN (SELECT inference_id ${tainted}) LIMIT 1`,
    params,
  );
  return rows.length > 0;
}
