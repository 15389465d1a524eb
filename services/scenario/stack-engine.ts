import { randomBytes } from 'node:crypto';
import { TOPIC_STREAMS, topicName, TOPICS, type TopicRecord, type TopicStream } from '../../schemas/topics.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { askStack } from '../shared/clickhouse/facts-source.js';
import { dropDatabase, migrate } from '../shared/clickhouse/migrate.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import { groupBy } from '../shared/core/group.js';
import type { Stream } from '../shared/core/record.js';
import { deploySubjects } from '../shared/kafka/deploy-subjects.js';
import { deleteTopics, deployTopics } from '../shared/kafka/deploy-topics.js';
import { RecordInvalidError, valueEncoder, type ValueEncoder } from '../shared/kafka/encode.js';
import { createProducer, type OutgoingRecord } from '../shared/kafka/producer.js';
import { runScenario } from './run.js';
import type { Outcome, Scenario, ScenarioRecord } from './scenario.js';

/** Runs every service of the pipeline in this process, until the signal aborts; rejects when one ends by itself. */
export type RunServices = (config: Config, signal: AbortSignal) => Promise<void>;

export interface StackRun {
  readonly config: Config;
  readonly runServices: RunServices;
  readonly signal: AbortSignal;
}

const POLL_MS = 10;
const NO_PROGRESS_MS = 60_000;
/** While one story is applied the next one's topics and tables are made: stories wait more than they work. */
const STORIES_AT_ONCE = 3;

/**
 * Sends stories through throw-away topics whose append time is what the story says (`CreateTime`), the services, and a
 * throw-away database, and asks that. Outcomes come in the order of the stories.
 */
export async function* outcomesOf(scenarios: readonly Scenario[], run: StackRun): AsyncGenerator<Outcome> {
  const ids = await deploySubjects(run.config.schemaRegistryUrl, { prefix: run.config.kafka.topicPrefix });
  const encoders = new Map(TOPIC_STREAMS.map((stream) => [stream, valueEncoder(stream, ids[stream])]));
  const runId = randomBytes(4).toString('hex');
  const running: Promise<Outcome>[] = [];
  const start = (index: number): void => {
    const scenario = scenarios[index];
    if (scenario === undefined) return;
    const outcome = tell(scenario, { ...run, encoders, name: `story_${runId}_${index}` });
    outcome.catch(() => undefined); // Awaited below, in its turn.
    running.push(outcome);
  };
  try {
    for (let i = 0; i < Math.min(STORIES_AT_ONCE, scenarios.length); i += 1) start(i);
    for (let i = 0; i < scenarios.length; i += 1) {
      yield await (running[i] as Promise<Outcome>);
      start(i + STORIES_AT_ONCE);
    }
  } finally {
    await Promise.allSettled(running);
  }
}

interface Telling extends StackRun {
  readonly encoders: ReadonlyMap<TopicStream, ValueEncoder<TopicRecord[TopicStream]>>;
  /** Of the throw-away database, and of the topics as their prefix. */
  readonly name: string;
}

async function tell(scenario: Scenario, telling: Telling): Promise<Outcome> {
  const prefix = `${telling.name}.`;
  const config: Config = {
    ...telling.config,
    kafka: { ...telling.config.kafka, topicPrefix: prefix },
    clickhouse: { ...telling.config.clickhouse, database: telling.name },
  };
  const ended = new AbortController();
  const signal = AbortSignal.any([telling.signal, ended.signal]);
  const database = connectClickHouse(config.clickhouse);
  let services: Promise<void> = Promise.resolve();
  try {
    await allOf([deployTopics(config.kafka, { prefix, timestampType: 'CreateTime' }), migrate(config.clickhouse)]);
    services = telling.runServices(config, signal);
    const sent = await send(scenario.records, { ...telling, config });
    await Promise.race([untilApplied(database, sent, signal), services.then(endedEarly)]);
    return await runScenario(scenario, (question) => askStack(database, question));
  } finally {
    ended.abort();
    await services.catch(() => undefined);
    await database.close();
    // What is left behind is thrown away by name; it must not hide why a story failed.
    await Promise.allSettled([deleteTopics(config.kafka, prefix), dropDatabase(config.clickhouse)]);
  }
}

/** Like Promise.all, but everything has ended when it rejects: what is cleaned up next is not still being made. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Sends the records in their order, and returns how many each topic got. */
async function send(
  records: readonly ScenarioRecord[],
  { config, encoders }: Pick<Telling, 'config' | 'encoders'>,
): Promise<Map<string, number>> {
  const outgoing = groupBy(records, ({ stream }) => topicName(stream, config.kafka.topicPrefix));
  // A producer of its own: one that has ever sent to a topic keeps asking for it after it is deleted.
  const producer = await createProducer(config.kafka);
  try {
    for (const [topic, list] of outgoing) {
      await producer.send(
        topic,
        list.map((record) => outgoingRecord(record, encoders)),
      );
    }
  } finally {
    await producer.close();
  }
  return new Map([...outgoing].map(([topic, list]) => [topic, list.length]));
}

function outgoingRecord(
  { stream, fields, appendedAtMs }: ScenarioRecord,
  encoders: Telling['encoders'],
): OutgoingRecord {
  const key = String(fields[TOPICS[stream].keyField]);
  return { key, value: encode(stream, fields, encoders), timestampMs: appendedAtMs };
}

/** A record that Avro cannot even hold, such as a share of 50.5, is sent as text: it becomes a dead letter as it must. */
function encode(stream: Stream, fields: ScenarioRecord['fields'], encoders: Telling['encoders']): Buffer {
  try {
    return (encoders.get(stream) as ValueEncoder<unknown>).encode(fields);
  } catch (error) {
    if (error instanceof RecordInvalidError) return Buffer.from(JSON.stringify(fields));
    throw error;
  }
}

/** Waits until as many offsets of every topic are applied as it got records; throws when nothing moves any more. */
async function untilApplied(
  database: ClickHouse,
  sent: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<void> {
  let movedAtMs = elapsedMs();
  let before = -1;
  for (;;) {
    const rows = await database.select<{ topic: string; applied: string }>(
      'SELECT topic, sum(next_offset) AS applied FROM progress GROUP BY topic',
    );
    const applied = new Map(rows.map((row) => [row.topic, Number(row.applied)]));
    const missing = [...sent].filter(([topic, count]) => (applied.get(topic) ?? 0) < count);
    if (missing.length === 0) return;
    const total = [...applied.values()].reduce((sum, count) => sum + count, 0);
    if (total !== before) movedAtMs = elapsedMs();
    before = total;
    if (signal.aborted) throw new Error('interrupted');
    if (elapsedMs() - movedAtMs > NO_PROGRESS_MS) {
      throw new Error(
        `nothing was applied for ${NO_PROGRESS_MS / 1000} s; waiting for ${missing.map(([topic]) => topic).join(', ')}`,
      );
    }
    await sleep(POLL_MS, signal);
  }
}

function endedEarly(): never {
  throw new Error('a service ended before the story was applied');
}
