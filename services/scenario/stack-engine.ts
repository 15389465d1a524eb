import { randomBytes } from 'node:crypto';
import { TOPIC_STREAMS, topicName, TOPICS, type TopicRecord, type TopicStream } from '../../schemas/topics.js';
import { asker, greatestAppendTime } from '../shared/clickhouse/ask/ask.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Config } from '../shared/config.js';
import type { Stream } from '../shared/core/record.js';
import { deploySubjects } from '../shared/kafka/deploy-subjects.js';
import { RecordInvalidError, valueEncoder, type ValueEncoder } from '../shared/kafka/encode.js';
import type { BatchProducer, OutgoingRecord } from '../shared/kafka/producer.js';
import { patiently } from '../shared/runtime/patience.js';
import { runScenario } from './run.js';
import type { Outcome, Scenario, ScenarioRecord } from './scenario.js';
import { DatabasesOfStories } from './story-databases.js';
import { allOf, TopicsOfStories, type StoryTopics } from './story-topics.js';
import { untilTold, type Sent } from './until-told.js';

/** Runs every service of the pipeline until the signal aborts; rejects when one ends by itself. */
export type RunServices = (config: Config, signal: AbortSignal) => Promise<void>;

/** Where stories are told. */
export interface StackAddress {
  readonly config: Config;
  readonly signal: AbortSignal;
  /** Told that an outage is waited out. */
  readonly say?: (sentence: string) => void;
}

/** How stories are told. */
export interface Telling {
  readonly runServices: RunServices;
  /** Of the topics whose number of partitions is free. With 1, positions are those of the pure core. */
  readonly partitions?: number;
  /** Bounds of the services, where other ones than configured are wanted. */
  readonly limits?: Partial<Config['limits']>;
  /** Cuts what is sent into parts, with whatever shall happen in between. By default all is sent at once. */
  readonly pace?: (records: readonly ScenarioRecord[]) => AsyncIterable<readonly ScenarioRecord[]>;
}

/** Stories wait more than they work: for a group to form, a fetch, an acknowledgement. */
const STORIES_AT_ONCE = 5;
/** Nobody asks up to when a story is complete: quiet partitions need not be looked at while it is told. */
const LIMITS = { idleCheckMs: 60_000 };
const STREAMS = TOPIC_STREAMS.filter((stream): stream is Stream => TOPICS[stream].role === 'input');

type Encoders = ReadonlyMap<TopicStream, ValueEncoder<TopicRecord[TopicStream]>>;

/** What the stories told at one time share. */
interface Stage extends StackAddress, Telling {
  readonly encoders: Encoders;
  readonly topics: TopicsOfStories;
  readonly databases: DatabasesOfStories;
}

/**
 * Sends stories through throw-away topics, the services, and a throw-away database, and asks that. Outcomes come in the
 * order of the stories.
 */
export async function* outcomesOf(
  scenarios: readonly Scenario[],
  run: StackAddress & Telling,
): AsyncGenerator<Outcome> {
  const engine = await StackEngine.open(run);
  try {
    yield* engine.outcomesOf(scenarios, run);
  } finally {
    await engine.close();
  }
}

/** Keeps its databases from one lot of stories to the next. */
export class StackEngine {
  readonly #address: StackAddress;
  readonly #encoders: Encoders;
  readonly #name: string;
  readonly #databases: DatabasesOfStories;
  #lots = 0;

  static async open(address: StackAddress): Promise<StackEngine> {
    const { kafka, registry } = address.config;
    const ids = await patiently(() => deploySubjects(registry, { prefix: kafka.topicPrefix }), address);
    return new StackEngine(
      address,
      new Map(TOPIC_STREAMS.map((stream) => [stream, valueEncoder(stream, ids[stream])])),
    );
  }

  private constructor(address: StackAddress, encoders: Encoders) {
    this.#address = address;
    this.#encoders = encoders;
    this.#name = `story_${randomBytes(4).toString('hex')}`;
    this.#databases = new DatabasesOfStories(address.config.clickhouse, this.#name, address);
  }

  /** Tells some stories at once, each in topics and a database of its own. */
  async *outcomesOf(scenarios: readonly Scenario[], telling: Telling): AsyncGenerator<Outcome> {
    const { kafka } = this.#address.config;
    const run = { name: `${this.#name}_${this.#lots}`, stories: scenarios.length, partitions: telling.partitions ?? 1 };
    this.#lots += 1;
    const topics = new TopicsOfStories(kafka, run, this.#address);
    const stage = { ...this.#address, ...telling, encoders: this.#encoders, databases: this.#databases, topics };
    const running: Promise<Outcome>[] = [];
    const start = (index: number): void => {
      const scenario = scenarios[index];
      if (scenario === undefined) return;
      const outcome = tell(scenario, index, stage);
      outcome.catch(() => undefined); // Awaited below, in its turn.
      running.push(outcome);
    };
    try {
      for (let i = 0; i < STORIES_AT_ONCE; i += 1) start(i);
      for (let i = 0; i < scenarios.length; i += 1) {
        yield await (running[i] as Promise<Outcome>);
        start(i + STORIES_AT_ONCE);
      }
    } finally {
      await Promise.allSettled(running);
      await topics.close();
    }
  }

  async close(): Promise<void> {
    await this.#databases.close();
  }
}

async function tell(scenario: Scenario, index: number, stage: Stage): Promise<Outcome> {
  const [topics, database] = await allOf([stage.topics.of(index), stage.databases.take()]);
  const { kafka, clickhouse, limits } = stage.config;
  const config: Config = {
    ...stage.config,
    kafka: { ...kafka, topicPrefix: topics.prefix },
    clickhouse: { ...clickhouse, database: database.database },
    limits: { ...limits, ...LIMITS, ...stage.limits },
  };
  const ended = new AbortController();
  const signal = AbortSignal.any([stage.signal, ended.signal]);
  const services = stage.runServices(config, signal);
  try {
    const told = send(scenario.records, topics, stage).then((sent) => untilTold(database, sent, signal));
    await Promise.race([told, services.then(endedEarly)]);
    return await ask(scenario, database, signal);
  } finally {
    ended.abort();
    await services.catch(() => undefined);
    stage.topics.over(index);
    stage.databases.give(database);
  }
}

async function ask(scenario: Scenario, database: ClickHouse, signal: AbortSignal): Promise<Outcome> {
  if (signal.aborted) throw new Error('interrupted');
  // Known before all else: questions without a K are then asked together with those that have one.
  const knownAtMs = await greatestAppendTime(database);
  const answer = asker(database);
  return runScenario(scenario, (question) => answer({ ...question, known: question.known ?? knownAtMs }));
}

/** Sends the records, those of each topic in their order. */
async function send(
  records: readonly ScenarioRecord[],
  { prefix, producer }: StoryTopics,
  { encoders, pace = atOnce }: Pick<Stage, 'encoders' | 'pace'>,
): Promise<Sent> {
  const entries = STREAMS.map((stream) => [stream, topicName(stream, prefix)] as const);
  for await (const part of pace(records)) {
    await Promise.all(entries.map(([stream, topic]) => sendStream(stream, topic, { part, producer, encoders })));
  }
  const counts = STREAMS.map((stream) => [stream, records.filter((record) => record.stream === stream).length]);
  return {
    topics: Object.fromEntries(entries) as Record<Stream, string>,
    counts: Object.fromEntries(counts) as Record<Stream, number>,
  };
}

async function sendStream(
  stream: Stream,
  topic: string,
  { part, producer, encoders }: { part: readonly ScenarioRecord[]; producer: BatchProducer; encoders: Encoders },
): Promise<void> {
  const mine = part.filter((record) => record.stream === stream).map((record) => outgoingRecord(record, encoders));
  if (mine.length > 0) await producer.send(topic, mine);
}

async function* atOnce(records: readonly ScenarioRecord[]): AsyncGenerator<readonly ScenarioRecord[]> {
  yield await Promise.resolve(records);
}

function outgoingRecord({ stream, fields, appendedAtMs }: ScenarioRecord, encoders: Encoders): OutgoingRecord {
  const key = String(fields[TOPICS[stream].keyField]);
  return { key, value: encode(stream, fields, encoders), timestampMs: appendedAtMs };
}

/** A record that Avro cannot even hold, such as a share of 50.5, is sent as text: it becomes a dead letter as it must. */
function encode(stream: Stream, fields: ScenarioRecord['fields'], encoders: Encoders): Buffer {
  try {
    return (encoders.get(stream) as ValueEncoder<unknown>).encode(fields);
  } catch (error) {
    if (error instanceof RecordInvalidError) return Buffer.from(JSON.stringify(fields));
    throw error;
  }
}

function endedEarly(): never {
  throw new Error('a service ended before the story was applied');
}
