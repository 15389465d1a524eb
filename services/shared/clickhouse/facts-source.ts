import { answer } from '../core/answer.js';
import { groupBy } from '../core/group.js';
import type { Answer, Question } from '../core/question.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';
import { Trail, type Records, type TrailSettings } from '../core/trail.js';
import { positionOf } from '../runtime/subjects.js';
import type { ClickHouse, Params } from './client.js';
import { FACT_TABLES, factColumns, toFact, type FactRow } from './fact-rows.js';
import { SUBJECT_COLUMNS } from './store.js';

type Database = Pick<ClickHouse, 'select'>;

/**
 * Answers a question as known at K with the pure core, from the facts it can depend on: each is read with
 * `appended_at <= K`, so the answer is the one computed from those records alone (L2).
 */
export async function askStack(database: Database, question: Question, settings?: TrailSettings): Promise<Answer> {
  const knownAtMs = question.known ?? (await greatestAppendTime(database));
  const facts = await new FactsSource(database, knownAtMs).factsFor(question);
  return answer(Trail.of(facts, knownAtMs, settings), question);
}

/** The greatest append time in the log, duplicates and dead letters included; 0 for an empty log. */
export async function greatestAppendTime(database: Database): Promise<number> {
  // Internal messages are not of the log: they depend on who worked when. The window service reads no topic at all.
  const [row] = await database.select<{ ms: string }>(
    `SELECT toUnixTimestamp64Milli(max(applied_until)) AS ms FROM progress
     WHERE topic != ''`,
  );
  return Number(row?.ms ?? 0);
}

const KNOWN = "appended_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')";
const NO_RECORDS: Records = { releases: [], inferences: [], proofs: [], payments: [], agents: [] };

const THE_INFERENCE = 'inference_id = {inference:String}';
const THE_MODEL = 'model_id = {model:String}';
const MODEL_OF_INFERENCE = `model_id IN (SELECT model_id FROM inference_facts WHERE ${KNOWN} AND ${THE_INFERENCE})`;

/** Inferences that the payments meeting a condition ever named, by id or session. */
function linkedBy(payments: string): string {
  return `(
    inference_id IN (SELECT a.inference_id FROM payment_facts ARRAY JOIN allocations AS a WHERE ${KNOWN} AND ${payments})
    OR session_id IN (SELECT session_id FROM payment_facts WHERE ${KNOWN} AND ${payments})
  )`;
}

/** Payments that ever named an inference meeting a condition, by id or session. */
function payingFor(inferences: string): string {
  return `payment_id IN (
    SELECT payment_id FROM payment_facts
    WHERE ${KNOWN} AND session_id IN (SELECT session_id FROM inference_facts WHERE ${KNOWN} AND ${inferences})
    UNION DISTINCT
    SELECT payment_id FROM payment_facts ARRAY JOIN allocations AS a
    WHERE ${KNOWN} AND a.inference_id IN (SELECT inference_id FROM inference_facts WHERE ${KNOWN} AND ${inferences})
  )`;
}

const PAYMENTS_OF_MODEL = `(
  payment_id IN (SELECT payment_id FROM payment_facts WHERE ${KNOWN} AND ${THE_MODEL}) OR ${payingFor(THE_MODEL)}
)`;

/** Reads the facts as known at one K. */
export class FactsSource {
  readonly #database: Database;
  readonly #knownAtMs: number;

  constructor(database: Database, knownAtMs: number) {
    this.#database = database;
    this.#knownAtMs = knownAtMs;
  }

  /** Every record that the answer can depend on; more does no harm. */
  async factsFor(question: Question): Promise<Records> {
    switch (question.ask) {
      case 'timeline':
      case 'windows':
        return this.#load({ releases: THE_MODEL }, { model: question.model });
      case 'served':
      case 'blob':
        return this.#load(
          { inferences: THE_INFERENCE, releases: MODEL_OF_INFERENCE },
          { inference: question.inference },
        );
      case 'proof':
        return this.#load({ inferences: THE_INFERENCE, proofs: THE_INFERENCE }, { inference: question.inference });
      case 'payment':
        return this.#payment(question.payment);
      case 'agents':
        return this.#load({ releases: THE_MODEL, inferences: THE_MODEL, agents: 'true' }, { model: question.model });
      case 'payments':
      case 'taint':
      case 'incident':
      case 'alerts':
        return this.#work(question.model);
      case 'incidents':
        return question.model === undefined ? this.#everyIncident() : this.#work(question.model);
      case 'trail':
        return this.#trail(question.inference);
    }
  }

  /** All that is known of one model: what its windows are counted from. */
  factsOfModel(model: string): Promise<Records> {
    const proofs = `inference_id IN (SELECT inference_id FROM inference_facts WHERE ${KNOWN} AND ${THE_MODEL})`;
    return this.#work(model, { agents: 'true', proofs });
  }

  /** A model's releases, its inferences, and the payments linked to it with all that they link to. */
  #work(model: string, more: Conditions = {}): Promise<Records> {
    const inferences = `${THE_MODEL} OR ${linkedBy(PAYMENTS_OF_MODEL)}`;
    return this.#load({ releases: THE_MODEL, inferences, payments: PAYMENTS_OF_MODEL, ...more }, { model });
  }

  #payment(payment: string): Promise<Records> {
    const thePayment = 'payment_id = {payment:String}';
    const inferences = linkedBy(thePayment);
    const models = `model_id IN (SELECT model_id FROM inference_facts WHERE ${KNOWN} AND ${inferences})`;
    return this.#load({ payments: thePayment, inferences, releases: models }, { payment });
  }

  async #everyIncident(): Promise<Records> {
    const flagged = await this.#database.select<{ model_id: string }>(
      `SELECT DISTINCT model_id FROM release_facts WHERE ${KNOWN} AND action = 'FLAGGED'`,
      { known: this.#knownAtMs },
    );
    const works: Records[] = [];
    for (const { model_id: model } of flagged) works.push(await this.#work(model));
    return {
      ...NO_RECORDS,
      releases: works.flatMap((work) => work.releases),
      inferences: works.flatMap((work) => work.inferences),
      payments: works.flatMap((work) => work.payments),
    };
  }

  async #trail(inference: string): Promise<Records> {
    const paid = payingFor(THE_INFERENCE);
    const agents = `has(caused_by, {inference:String})
      OR agent_id IN (SELECT agent_id FROM inference_facts WHERE ${KNOWN} AND ${THE_INFERENCE})`;
    const own = await this.#load(
      // Parts of its payments may belong to any model, so all releases are needed to class them.
      {
        inferences: `${THE_INFERENCE} OR ${linkedBy(paid)}`,
        payments: paid,
        proofs: THE_INFERENCE,
        agents,
        releases: 'true',
      },
      { inference },
    );
    const models = groupBy(
      own.inferences.filter(({ record }) => record.inference_id === inference),
      ({ record }) => record.model_id,
    );
    const works: Records[] = [];
    for (const model of models.keys()) works.push(await this.#work(model));
    return {
      ...own,
      inferences: [...own.inferences, ...works.flatMap((work) => work.inferences)],
      payments: [...own.payments, ...works.flatMap((work) => work.payments)],
    };
  }

  async #load(conditions: Conditions, params: Params): Promise<Records> {
    const of = <S extends Stream>(stream: S): Promise<Fact<RecordOf[S]>[]> => {
      const condition = conditions[stream];
      return condition === undefined ? Promise.resolve([]) : this.#select(stream, condition, params);
    };
    const [releases, inferences, proofs, payments, agents] = await Promise.all([
      of('releases'),
      of('inferences'),
      of('proofs'),
      of('payments'),
      of('agents'),
    ]);
    return { releases, inferences, proofs, payments, agents };
  }

  /**
   * The facts that meet a condition, with every other copy of their events and every other record of their ids: which
   * copy counts is decided among all of them (SPEC 2, Identity), also where another copy does not meet the condition.
   */
  async #select<S extends Stream>(stream: S, condition: string, params: Params): Promise<Fact<RecordOf[S]>[]> {
    const table = FACT_TABLES[stream];
    const id = SUBJECT_COLUMNS[stream];
    const among = (column: string): string =>
      `${column} IN (SELECT ${column} FROM ${table} WHERE ${KNOWN} AND (${condition}))`;
    const found = new Map<string, Fact<RecordOf[S]>>();
    let fresh = await this.#read(
      stream,
      condition === 'true' ? 'true' : `${among(id)} OR ${among('event_id')}`,
      params,
    );
    for (const fact of fresh) found.set(positionOf(fact), fact);
    // That is all there is, unless copies of one event name different ids: then these are followed, too.
    fresh = strangers(fresh, id);
    while (fresh.length > 0) {
      const more: Fact<RecordOf[S]>[] = [];
      for (const { record } of fresh) {
        const names = { id: String(idOf(record, id)), event: record.event_id };
        more.push(...(await this.#read(stream, `${id} = {id:String} OR event_id = {event:String}`, names)));
      }
      fresh = more.filter((fact) => !found.has(positionOf(fact)));
      for (const fact of fresh) found.set(positionOf(fact), fact);
    }
    return [...found.values()];
  }

  async #read<S extends Stream>(stream: S, condition: string, params: Params): Promise<Fact<RecordOf[S]>[]> {
    const sql = `SELECT ${factColumns(stream)} FROM ${FACT_TABLES[stream]} WHERE ${KNOWN} AND (${condition})`;
    const rows = await this.#database.select<FactRow>(sql, { ...params, known: this.#knownAtMs });
    return rows.map((row) => toFact(stream, row));
  }
}

type Conditions = { readonly [S in Stream]?: string };

/** The facts that share an event with a fact of another id. */
function strangers<T extends { readonly event_id: string }>(facts: readonly Fact<T>[], id: string): Fact<T>[] {
  return [...groupBy(facts, ({ record }) => record.event_id).values()].flatMap((copies) =>
    new Set(copies.map(({ record }) => idOf(record, id))).size > 1 ? copies : [],
  );
}

function idOf(record: object, id: string): unknown {
  return (record as Record<string, unknown>)[id];
}
