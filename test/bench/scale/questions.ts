import { askWithHorizon } from '../../../services/shared/clickhouse/ask/ask.js';
import type { ClickHouse } from '../../../services/shared/clickhouse/client.js';
import { elapsedMs } from '../../../services/shared/clock.js';
import type { Question } from '../../../services/shared/core/question.js';
import { dayMicros, FLAGGED_MODEL, GROUP, inferenceId, modelName, MODELS, paymentId, type Network } from './network.js';

export interface QuestionFigure {
  readonly question: string;
  readonly known: 'now' | 'earlier';
  readonly tries: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Mean length of the answer as JSON. */
  readonly answerBytes: number;
  /** Why there are no figures. */
  readonly failed?: string;
}

/** A question about one model or id after another. */
type Maker = (turn: number) => Question;

/** Questions of SPEC 9 about average models, and those whose answer grows with the model about the largest one, too. */
function makersOf(network: Network): Readonly<Record<string, Maker>> {
  const some = (turn: number): string => modelName(2 + ((turn * 7) % (MODELS - 2)));
  const inference = (turn: number): string => inferenceId((turn * 7_919_017 + 13) % network.inferences, network);
  const groups = network.inferences / GROUP;
  const release = 'v2';
  return {
    timeline: (turn) => ({ ask: 'timeline', model: some(turn), at: dayMicros(network, 4) }),
    served: (turn) => ({ ask: 'served', inference: inference(turn) }),
    blob: (turn) => ({ ask: 'blob', inference: inference(turn) }),
    proof: (turn) => ({ ask: 'proof', inference: inference(turn) }),
    payment: (turn) => ({ ask: 'payment', payment: paymentId((turn * 104_729) % groups, network) }),
    trail: (turn) => ({ ask: 'trail', inference: inference(turn) }),
    windows: (turn) => ({ ask: 'windows', model: some(turn) }),
    agents: (turn) => ({ ask: 'agents', model: some(turn), release }),
    payments: (turn) => ({ ask: 'payments', model: some(turn), release }),
    taint: (turn) => ({ ask: 'taint', model: some(turn), release }),
    incident: (turn) => ({ ask: 'incident', model: some(turn), release }),
    alerts: (turn) => ({ ask: 'alerts', model: some(turn) }),
    incidents: () => ({ ask: 'incidents' }),
    'agents, largest model': () => ({ ask: 'agents', model: FLAGGED_MODEL, release }),
    'payments, largest model': () => ({ ask: 'payments', model: FLAGGED_MODEL, release }),
    'taint, largest model': () => ({ ask: 'taint', model: FLAGGED_MODEL, release }),
    'incident, largest model': () => ({ ask: 'incident', model: FLAGGED_MODEL, release }),
    'alerts, largest model': () => ({ ask: 'alerts', model: FLAGGED_MODEL }),
  };
}

/** About the largest model a question is asked less often: its answer is as long as the model is large. */
const LARGE_SHARE = 8;

export async function* timeQuestions(
  database: ClickHouse,
  network: Network,
  { tries, earlierMs }: { tries: number; earlierMs: number },
): AsyncGenerator<QuestionFigure> {
  for (const [question, make] of Object.entries(makersOf(network))) {
    const count = question.includes('largest') ? Math.max(Math.floor(tries / LARGE_SHARE), 3) : tries;
    for (const known of ['now', 'earlier'] as const) {
      const asked = (turn: number): Question => ({
        ...make(turn),
        ...(known === 'earlier' ? { known: earlierMs } : {}),
      });
      const what = { question, known, tries: count };
      try {
        yield { ...what, ...(await timed(database, asked, count)) };
      } catch (error) {
        // What cannot be answered is a figure, too: the others are not lost with it.
        const nothing = { p50Ms: Number.NaN, p95Ms: Number.NaN, answerBytes: Number.NaN };
        yield { ...what, ...nothing, failed: String(error) };
      }
    }
  }
}

async function timed(
  database: ClickHouse,
  asked: Maker,
  tries: number,
): Promise<Pick<QuestionFigure, 'p50Ms' | 'p95Ms' | 'answerBytes'>> {
  const times: number[] = [];
  let bytes = 0;
  // The first one warms up: what the server compiles and reads for it is there for all that follow.
  for (let turn = 0; turn <= tries; turn += 1) {
    const startMs = elapsedMs();
    const { answer } = await askWithHorizon(database, asked(turn));
    if (turn === 0) continue;
    times.push(elapsedMs() - startMs);
    bytes += JSON.stringify(answer).length;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(Math.floor(tries * share), tries - 1)] ?? Number.NaN;
  return { p50Ms: at(0.5), p95Ms: at(0.95), answerBytes: bytes / tries };
}
