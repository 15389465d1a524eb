import { paymentsShape } from '../../core/answer-shape.js';
import type { Answer, Question } from '../../core/question.js';
import { DEFAULT_SETTINGS, type TrailSettings } from '../../core/trail.js';
import type { ClickHouse } from '../client.js';
import { agentsAnswer, incidentAnswer, incidentsAnswer, timelineAnswer, windowsAnswer } from './of-model.js';
import { blobAnswer, proofAnswer, servedAnswer } from './of-inference.js';
import { paymentAnswer, paymentsOf, taintAnswer } from './of-money.js';
import { alertsAnswer, trailAnswer } from './of-records.js';
import { ViewReader } from './view-reader.js';

/** Answers a question (SPEC 9) as known at K from the views, which analysts read too. */
export async function askStack(
  database: Pick<ClickHouse, 'select'>,
  question: Question,
  settings: TrailSettings = DEFAULT_SETTINGS,
): Promise<Answer> {
  const views = new ViewReader(database, question.known ?? (await greatestAppendTime(database)));
  switch (question.ask) {
    case 'timeline':
      return timelineAnswer(views, question.model, question.at);
    case 'served':
      return servedAnswer(views, question.inference);
    case 'blob':
      return blobAnswer(views, question.inference);
    case 'proof':
      return proofAnswer(views, question.inference, settings);
    case 'agents':
      return agentsAnswer(views, question, settings);
    case 'payments':
      return paymentsShape(await paymentsOf(views, question));
    case 'payment':
      return paymentAnswer(views, question.payment);
    case 'taint':
      return taintAnswer(views, question.model, question.release);
    case 'windows':
      return windowsAnswer(views, question.model);
    case 'incident':
      return incidentAnswer(views, question.model, question.release);
    case 'incidents':
      return incidentsAnswer(views, question.model);
    case 'alerts':
      return alertsAnswer(views, question.model, settings);
    case 'trail':
      return trailAnswer(views, question, settings);
  }
}

/** The greatest append time in the log, duplicates and dead letters included; 0 for an empty log. */
export async function greatestAppendTime(database: Pick<ClickHouse, 'select'>): Promise<number> {
  const [row] = await database.select<{ ms: string }>(
    "SELECT toUnixTimestamp64Milli(max(applied_until)) AS ms FROM progress WHERE topic != ''",
  );
  return Number(row?.ms ?? 0);
}
