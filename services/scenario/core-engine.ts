import { TOPICS } from '../../schemas/topics.js';
import { answer } from '../shared/core/answer.js';
import type { Answer, Question } from '../shared/core/question.js';
import type { Fact, RecordOf, Stream } from '../shared/core/record.js';
import { Trail, type Records } from '../shared/core/trail.js';
import { refusal } from '../shared/core/validate.js';
import { runScenario } from './run.js';
import type { Outcome, Scenario } from './scenario.js';

/** Runs stories one after the other in memory. */
export async function* outcomesOf(scenarios: Iterable<Scenario>): AsyncGenerator<Outcome> {
  for (const scenario of scenarios) yield runScenario(scenario, coreEngine(scenario));
}

/** Which partition of a topic holds a key, where topics have several; releases always have one. */
export type PartitionOf = (key: string) => number;

/** Folds a story's records in memory through the pure join, and answers from that. */
export function coreEngine(scenario: Scenario, partitionOf?: PartitionOf): (question: Question) => Answer {
  const lastMs = Math.max(0, ...scenario.records.map((record) => record.appendedAtMs));
  return askRecords(recordsOf(scenario, partitionOf), lastMs);
}

/** A story's records as topics would hold them, by default of one partition; what SPEC 8 refuses keeps its offset and is left out. */
export function recordsOf(scenario: Scenario, partitionOf: PartitionOf = () => 0): Records {
  const facts: { [S in Stream]: Fact<RecordOf[S]>[] } = {
    releases: [],
    inferences: [],
    proofs: [],
    payments: [],
    agents: [],
  };
  const offsets = new Map<string, bigint>();
  for (const { stream, appendedAtMs, fields } of scenario.records) {
    const key = String(fields[TOPICS[stream].keyField]);
    const partition = TOPICS[stream].partitionsFixed ? 0 : partitionOf(key);
    const log = `${stream} ${partition}`;
    const offset = offsets.get(log) ?? 0n;
    offsets.set(log, offset + 1n);
    const record = fields as unknown as RecordOf[Stream];
    if (refusal(stream, record as never, appendedAtMs) !== null) continue;
    const fact = { record, key, position: { partition, offset, appendedAtMs } };
    (facts[stream] as Fact<RecordOf[Stream]>[]).push(fact);
  }
  return facts;
}

function askRecords(records: Records, lastMs: number): (question: Question) => Answer {
  const trails = new Map<number, Trail>();
  return (question) => {
    const knownAtMs = question.known ?? lastMs;
    let trail = trails.get(knownAtMs);
    if (trail === undefined) {
      trail = Trail.of(records, knownAtMs);
      trails.set(knownAtMs, trail);
    }
    return answer(trail, question);
  };
}
