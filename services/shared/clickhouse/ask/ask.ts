import { paymentsShape } from '../../core/answer-shape.js';
import type { Answer, Question } from '../../core/question.js';
import { DEFAULT_SETTINGS, type TrailSettings } from '../../core/trail.js';
import type { ClickHouse } from '../client.js';
import { readLacking, type Lacking } from '../gap-bounds.js';
import { readHorizon } from '../horizon.js';
import { agentsAnswer } from './of-agents.js';
import { incidentAnswer, incidentsAnswer, timelineAnswer, windowsAnswer } from './of-model.js';
import { blobAnswer, proofAnswer, servedAnswer } from './of-inference.js';
import { paymentsOf, taintAnswer } from './of-money.js';
import { paymentAnswer } from './of-payment.js';
import { alertsAnswer, trailAnswer } from './of-records.js';
import { ViewReader } from './view-reader.js';

/** An answer with how far it can be relied on. */
export interface Answered {
  readonly answer: Answer;
  /** The K it was answered for. */
  readonly knownAtMs: number;
  /** Everything appended up to here is in it, at most K: when it is K, the answer is final. */
  readonly completeUntilMs: number;
  /** What the logs deleted before it was read: the answer may lack it. */
  readonly lacking: Lacking;
}

/** Answers one question (SPEC 9) from the views, and says up to when that is final. */
export async function askWithHorizon(
  database: Pick<ClickHouse, 'select'>,
  question: Question,
  settings?: TrailSettings,
): Promise<Answered> {
  // The horizon comes first: what it promises must be in what is read after it.
  const { completeUntilMs } = await readHorizon(database);
  const knownAtMs = question.known ?? (await greatestAppendTime(database));
  const [answer, lacking] = await Promise.all([
    asker(database, settings)({ ...question, known: knownAtMs }),
    readLacking(database, knownAtMs),
  ]);
  return { answer, knownAtMs, completeUntilMs: Math.min(knownAtMs, completeUntilMs), lacking };
}

/**
 * Answers questions as known at K from the views, which analysts read too. All are about one moment of the tables: what
 * one of them read is not read again for the next.
 */
export function asker(
  database: Pick<ClickHouse, 'select'>,
  settings: TrailSettings = DEFAULT_SETTINGS,
): (question: Question) => Promise<Answer> {
  const views = new ViewReader(database);
  let greatest: Promise<number> | undefined;
  return async (question) => {
    const knownAtMs = question.known ?? (await (greatest ??= greatestAppendTime(database)));
    return answerFrom(views, question, { knownAtMs, settings });
  };
}

async function answerFrom(
  views: ViewReader,
  question: Question,
  { knownAtMs, settings }: { knownAtMs: number; settings: TrailSettings },
): Promise<Answer> {
  switch (question.ask) {
    case 'timeline':
      return timelineAnswer(views, question, knownAtMs);
    case 'served':
      return servedAnswer(views, question.inference, knownAtMs);
    case 'blob':
      return blobAnswer(views, question.inference, knownAtMs);
    case 'proof':
      return proofAnswer(views, question.inference, { knownAtMs, ...settings });
    case 'agents':
      return agentsAnswer(views, question, { knownAtMs, ...settings });
    case 'payments':
      return paymentsShape(await paymentsOf(views, question, knownAtMs));
    case 'payment':
      return paymentAnswer(views, question.payment, knownAtMs);
    case 'taint':
      return taintAnswer(views, question, knownAtMs);
    case 'windows':
      return windowsAnswer(views, question.model, knownAtMs);
    case 'incident':
      return incidentAnswer(views, question, knownAtMs);
    case 'incidents':
      return incidentsAnswer(views, question.model, knownAtMs);
    case 'alerts':
      return alertsAnswer(views, question.model, { knownAtMs, settings });
    case 'trail':
      return trailAnswer(views, question, { knownAtMs, settings });
  }
}

/** The greatest append time in the log, duplicates and dead letters included; 0 for an empty log. */
export async function greatestAppendTime(database: Pick<ClickHouse, 'select'>): Promise<number> {
  const [row] = await database.select<{ ms: string }>(
    "SELECT toUnixTimestamp64Milli(max(applied_until)) AS ms FROM progress WHERE topic != ''",
  );
  return Number(row?.ms ?? 0);
}
