import { answer } from '../core/answer.js';
import { sortedIds } from '../core/order.js';
import type { Answer, Question } from '../core/question.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';
import { Trail, type Records } from '../core/trail.js';
import { factColumns, toFact, type FactRow } from './fact-rows.js';

/** Runs one bound query and gives its rows. */
export type Rows = <R>(sql: string, params: Readonly<Record<string, unknown>>) => Promise<R[]>;

/**
 * Answers a question as known at K with the pure core, from the facts it can depend on: each is read with
 * `appended_at <= K`, so the answer is the one computed from those records alone (L2).
 */
export async function askStack(rows: Rows, question: Question): Promise<Answer> {
  const knownAtMs = question.known ?? (await greatestAppendTime(rows));
  const facts = await new FactsSource(rows, knownAtMs).factsFor(question);
  return answer(Trail.of(facts, knownAtMs), question);
}

/** The greatest append time in the log, duplicates and dead letters included; 0 for an empty log. */
export async function greatestAppendTime(rows: Rows): Promise<number> {
  const [row] = await rows<{ ms: string }>('SELECT toUnixTimestamp64Milli(max(applied_until)) AS ms FROM progress', {});
  return Number(row?.ms ?? 0);
}

const TABLES: { readonly [S in Stream]: { readonly table: string; readonly id: string } } = {
  releases: { table: 'release_facts', id: 'model_id' },
  inferences: { table: 'inference_facts', id: 'inference_id' },
  proofs: { table: 'proof_facts', id: 'inference_id' },
  payments: { table: 'payment_facts', id: 'payment_id' },
  agents: { table: 'agent_facts', id: 'agent_id' },
};

type Params = Readonly<Record<string, unknown>>;

const KNOWN = "appended_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')";
const NO_RECORDS: Records = { releases: [], inferences: [], proofs: [], payments: [], agents: [] };

/** Payments that any record links to the model: by its model_id, an allocation, or a session. */
const PAYMENTS_OF_MODEL = `
  payment_id IN (
    SELECT payment_id FROM payment_facts WHERE ${KNOWN} AND (
      model_id = {model:String}
      OR session_id IN (SELECT session_id FROM inference_facts WHERE ${KNOWN} AND model_id = {model:String})
    )
    UNION DISTINCT
    SELECT payment_id FROM payment_facts ARRAY JOIN allocations AS a
    WHERE ${KNOWN} AND a.inference_id IN (SELECT inference_id FROM inference_facts WHERE ${KNOWN} AND model_id = {model:String})
  )`;

/** Reads the facts as known at one K. */
export class FactsSource {
  readonly #rows: Rows;
  readonly #knownAtMs: number;

  constructor(rows: Rows, knownAtMs: number) {
    this.#rows = rows;
    this.#knownAtMs = knownAtMs;
  }

  /** Every record that the answer can depend on; more does no harm. */
  async factsFor(question: Question): Promise<Records> {
    switch (question.ask) {
      case 'timeline':
      case 'windows':
        return { ...NO_RECORDS, releases: await this.#releases([question.model]) };
      case 'served':
      case 'blob':
        return this.#inference(question.inference);
      case 'proof': {
        const [found, proofs] = await Promise.all([
          this.#inference(question.inference),
          this.#select('proofs', 'inference_id = {inference:String}', { inference: question.inference }),
        ]);
        return { ...found, proofs };
      }
      case 'payment':
        return this.#payment(question.payment);
      case 'agents': {
        const [work, agents] = await Promise.all([
          this.#work(question.model, { payments: false }),
          this.#select('agents', 'true', {}),
        ]);
        return { ...work, agents };
      }
      case 'payments':
      case 'taint':
      case 'incident':
      case 'alerts':
        return this.#work(question.model, { payments: true });
      case 'incidents':
        return this.#incidents(question.model);
      case 'trail':
        return this.#trail(question.inference);
    }
  }

  /** All that is known of one model: what its windows are counted from. */
  async factsOfModel(model: string): Promise<Records> {
    const [work, agents, proofs] = await Promise.all([
      this.#work(model, { payments: true }),
      this.#select('agents', 'true', {}),
      this.#select(
        'proofs',
        `inference_id IN (SELECT inference_id FROM inference_facts WHERE ${KNOWN} AND model_id = {model:String})`,
        { model },
      ),
    ]);
    return { ...work, agents, proofs };
  }

  async #inference(inference: string): Promise<Records> {
    const inferences = await this.#select('inferences', 'inference_id = {inference:String}', { inference });
    return { ...NO_RECORDS, inferences, releases: await this.#releases(modelsOf(inferences)) };
  }

  async #payment(payment: string): Promise<Records> {
    const payments = await this.#select('payments', 'payment_id = {payment:String}', { payment });
    const inferences = await this.#select(
      'inferences',
      'inference_id IN {inferences:Array(String)} OR session_id IN {sessions:Array(String)}',
      {
        inferences: sortedIds(payments.flatMap(({ record }) => record.allocations.map((a) => a.inference_id))),
        sessions: sortedIds(payments.flatMap(({ record }) => record.session_id ?? [])),
      },
    );
    return { ...NO_RECORDS, payments, inferences, releases: await this.#releases(modelsOf(inferences)) };
  }

  /** A model's releases, its inferences and, when asked, the payments linked to it with all they link to. */
  async #work(model: string, { payments }: { payments: boolean }): Promise<Records> {
    const linked = `model_id = {model:String}
      OR inference_id IN (SELECT a.inference_id FROM payment_facts ARRAY JOIN allocations AS a WHERE ${KNOWN} AND ${PAYMENTS_OF_MODEL})
      OR session_id IN (SELECT session_id FROM payment_facts WHERE ${KNOWN} AND ${PAYMENTS_OF_MODEL})`;
    const [releases, inferences, paid] = await Promise.all([
      this.#releases([model]),
      this.#select('inferences', payments ? linked : 'model_id = {model:String}', { model }),
      payments ? this.#select('payments', PAYMENTS_OF_MODEL, { model }) : [],
    ]);
    return { ...NO_RECORDS, releases, inferences, payments: paid };
  }

  async #incidents(model: string | undefined): Promise<Records> {
    if (model !== undefined) return this.#work(model, { payments: true });
    const releases = await this.#select('releases', 'true', {});
    const flagged = releases.filter(({ record }) => record.action === 'FLAGGED');
    const works = await Promise.all(
      sortedIds(flagged.map(({ record }) => record.model_id)).map((id) => this.#work(id, { payments: true })),
    );
    return {
      ...NO_RECORDS,
      releases,
      inferences: works.flatMap((work) => work.inferences),
      payments: works.flatMap((work) => work.payments),
    };
  }

  async #trail(inference: string): Promise<Records> {
    const own = await this.#inference(inference);
    const works = await Promise.all(modelsOf(own.inferences).map((model) => this.#work(model, { payments: true })));
    const agentIds = sortedIds(own.inferences.flatMap(({ record }) => record.agent_id ?? []));
    const payments = await this.#select(
      'payments',
      'payment_id IN (SELECT payment_id FROM payment_facts ARRAY JOIN allocations AS a WHERE a.inference_id = {inference:String})',
      { inference },
    );
    const inferences = [...own.inferences, ...works.flatMap((work) => work.inferences)];
    return {
      // Payments show the class of each part, whatever model it belongs to.
      releases: await this.#releases(modelsOf(inferences)),
      inferences,
      payments: [...payments, ...works.flatMap((work) => work.payments)],
      proofs: await this.#select('proofs', 'inference_id = {inference:String}', { inference }),
      agents: await this.#select('agents', 'has(caused_by, {inference:String}) OR agent_id IN {agents:Array(String)}', {
        inference,
        agents: agentIds,
      }),
    };
  }

  async #releases(models: readonly string[]): Promise<Fact<RecordOf['releases']>[]> {
    if (models.length === 0) return [];
    return this.#select('releases', 'model_id IN {models:Array(String)}', { models });
  }

  /**
   * The facts that meet a condition, with every other copy of their events and every other record of their ids: which
   * copy counts is decided among all of them (SPEC 2, Identity), even where another copy does not meet the condition.
   */
  async #select<S extends Stream>(stream: S, condition: string, params: Params): Promise<Fact<RecordOf[S]>[]> {
    const { table, id } = TABLES[stream];
    const base = `SELECT ${id} FROM ${table} WHERE ${KNOWN} AND (${condition})`;
    const events = `SELECT event_id FROM ${table} WHERE ${KNOWN} AND (${condition})`;
    const found = await this.#read(stream, `${id} IN (${base}) OR event_id IN (${events})`, params);
    const known = new Map(found.map((fact) => [positionOf(fact), fact]));
    // One round finds all there is, unless copies of an event name different ids; then their own copies are looked for.
    let open = strangers(found, id);
    while (open.ids.length > 0) {
      const more = await this.#read(stream, `${id} IN {ids:Array(String)} OR event_id IN {events:Array(String)}`, {
        ids: open.ids,
        events: open.events,
      });
      const fresh = more.filter((fact) => !known.has(positionOf(fact)));
      for (const fact of fresh) known.set(positionOf(fact), fact);
      open = fresh.length === 0 ? { ids: [], events: [] } : idsAndEvents(fresh, id);
    }
    return [...known.values()];
  }

  async #read<S extends Stream>(stream: S, condition: string, params: Params): Promise<Fact<RecordOf[S]>[]> {
    const sql = `SELECT ${factColumns(stream)} FROM ${TABLES[stream].table} WHERE ${KNOWN} AND (${condition})`;
    const found = await this.#rows<FactRow>(sql, { ...params, known: this.#knownAtMs });
    return found.map((row) => toFact(stream, row));
  }
}

function modelsOf(inferences: readonly Fact<RecordOf['inferences']>[]): string[] {
  return sortedIds(inferences.map(({ record }) => record.model_id));
}

function positionOf({ position }: Fact<unknown>): string {
  return `${position.partition} ${position.offset}`;
}

/** Ids and events of the facts that share an event with a fact of another id. */
function strangers(
  facts: readonly Fact<{ readonly event_id: string }>[],
  id: string,
): { ids: string[]; events: string[] } {
  const idOfEvent = new Map<string, string>();
  const shared = new Set<string>();
  for (const { record } of facts) {
    const own = idOf(record, id);
    if ((idOfEvent.get(record.event_id) ?? own) !== own) shared.add(record.event_id);
    idOfEvent.set(record.event_id, own);
  }
  return idsAndEvents(
    facts.filter(({ record }) => shared.has(record.event_id)),
    id,
  );
}

function idsAndEvents(
  facts: readonly Fact<{ readonly event_id: string }>[],
  id: string,
): { ids: string[]; events: string[] } {
  return {
    ids: sortedIds(facts.map(({ record }) => idOf(record, id))),
    events: sortedIds(facts.map(({ record }) => record.event_id)),
  };
}

function idOf(record: object, id: string): string {
  return String((record as Record<string, unknown>)[id]);
}
