import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { keyOf, topicName } from '../../schemas/topics.js';
import { endpointEnv } from '../../infra/embedded/endpoints.js';
import { stackHome } from '../../infra/embedded/home.js';
import { identityOf } from '../../infra/embedded/identity.js';
import { startStack } from '../../infra/embedded/start.js';
import { stopStack } from '../../infra/embedded/stop.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import type { RecordOf } from '../../services/shared/core/record.js';
import { deleteSubjects, deploySubjects } from '../../services/shared/kafka/deploy-subjects.js';
import { deleteTopics, deployTopics } from '../../services/shared/kafka/deploy-topics.js';
import { valueEncoder } from '../../services/shared/kafka/encode.js';
import { createProducer } from '../../services/shared/kafka/producer.js';
import type { Pids } from './processes.js';
import { inferenceOf, releasesOf, type Story } from './records.js';

const RECORDS_AT_ONCE = 20_000;

/** Servers of its own, in a folder of its own, unless others are named in the environment. */
export interface Servers {
  readonly env: NodeJS.ProcessEnv;
  /** Of the servers that run here. */
  readonly pids: Pids;
  close(): Promise<void>;
}

/** @param keep leaves the folder where it is; once `ending` aborts nothing is started any more */
export async function openServers(
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
  { keep = false, ending }: { keep?: boolean; ending: AbortSignal },
): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'backtrail-bench-'));
  const home = stackHome(env, folder);
  const close = async (): Promise<void> => {
    await stopStack({ home });
    if (keep) say(`kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  };
  const started = await startStack({
    ...{ home, env, say },
    ports: { kafka: 'auto', registry: 'auto', clickhouse: 'auto' },
    owner: identityOf(process.pid),
    signal: ending,
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const pids = Object.fromEntries(started.processes.map(({ name, identity }) => [name, identity?.pid ?? 0]));
  return {
    env: { ...env, ...endpointEnv(started.endpoints) },
    pids,
    close,
  };
}

/** Topics and tables to throw away. */
export interface Stage {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly topic: string;
  close(): Promise<void>;
}

export async function openStage(
  env: NodeJS.ProcessEnv,
  { name, partitions }: { name: string; partitions: number },
): Promise<Stage> {
  const prefix = `${name}.`;
  const own = { ...env, TOPIC_PREFIX: prefix, CLICKHOUSE_DATABASE: name, PORT: '0', LOG_LEVEL: 'info' };
  const config = loadConfig(own);
  await Promise.all([
    deployTopics(config.kafka, { prefix, partitions }),
    deploySubjects(config.registry, { prefix }),
    migrate(config.clickhouse),
  ]);
  return {
    config,
    env: own,
    topic: topicName('inferences', prefix),
    close: async () => {
      await Promise.allSettled([
        deleteTopics(config.kafka, prefix),
        deleteSubjects(config.registry, prefix),
        dropDatabase(config.clickhouse),
      ]);
    },
  };
}

/** The tables of a stage. Once the signal aborts nothing is asked of them any more: whoever asks again and again ends then. */
export function openTables({ clickhouse }: Config, ending: AbortSignal): ClickHouse {
  const database = connectClickHouse(clickhouse);
  return {
    ...database,
    select: async (sql, params) => {
      ending.throwIfAborted();
      return database.select(sql, params);
    },
    selectNative: async (sql, params) => {
      ending.throwIfAborted();
      return database.selectNative(sql, params);
    },
  };
}

/** Sends records of a stage: what it takes to do so is no part of any measurement. */
export class Sender {
  private constructor(
    private readonly stage: Stage,
    private readonly producer: Awaited<ReturnType<typeof createProducer>>,
    private readonly ids: Awaited<ReturnType<typeof deploySubjects>>,
    private readonly ending: AbortSignal,
  ) {}

  /** Sends nothing more once the signal aborts, and throws. */
  static async open(stage: Stage, ending: AbortSignal): Promise<Sender> {
    const { config } = stage;
    const ids = await deploySubjects(config.registry, { prefix: config.kafka.topicPrefix });
    return new Sender(stage, await createProducer(config.kafka), ids, ending);
  }

  async releases(count: number, story: Story): Promise<void> {
    const encoder = valueEncoder('releases', this.ids.releases);
    const topic = topicName('releases', this.stage.config.kafka.topicPrefix);
    await this.producer.send(
      topic,
      releasesOf(count, story).map((record) => ({ key: record.model_id, value: encoder.encode(record) })),
    );
  }

  /** Returns the mean size of a value. */
  async inferences(from: number, to: number, story: Story): Promise<number> {
    const encoder = valueEncoder('inferences', this.ids.inferences);
    let bytes = 0;
    for (let start = from; start < to; start += RECORDS_AT_ONCE) {
      this.ending.throwIfAborted();
      const records: RecordOf['inferences'][] = [];
      for (let i = start; i < Math.min(start + RECORDS_AT_ONCE, to); i += 1) records.push(inferenceOf(i, story));
      const outgoing = records.map((record) => ({ key: keyOf('inferences', record), value: encoder.encode(record) }));
      for (const { value } of outgoing) bytes += value.length;
      await this.producer.send(this.stage.topic, outgoing);
    }
    return bytes / Math.max(to - from, 1);
  }

  close(): Promise<void> {
    return this.producer.close();
  }
}
