import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkTruth } from '../../services/cli/check-truth.js';
import type { CliContext } from '../../services/cli/context.js';
import { EXIT, exitCodeOf } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import { sendTrail } from '../../services/cli/send-trail.js';
import { migrateAll } from '../../services/cli/stack-contents.js';
import { trailLine } from '../../services/cli/trail-file.js';
import { untilApplied } from '../../services/cli/until-applied.js';
import type { Report } from '../../services/demo/incident-report.js';
import { generateTraffic, STORY_MS } from '../../services/demo/traffic.js';
import { runServices } from '../../services/scenario/services.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { asker, greatestAppendTime } from '../../services/shared/clickhouse/ask/ask.js';
import { dropDatabase } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, trailSettings, type Config } from '../../services/shared/config.js';
import type { Question } from '../../services/shared/core/question.js';
import { deleteTopics } from '../../services/shared/kafka/deploy-topics.js';
import { serverEnv } from './servers.fixture.js';

/** The whole pipeline, in topics and a database of its own, as a person uses it. */
const name = `demo_${randomBytes(4).toString('hex')}`;
const folder = mkdtempSync(join(tmpdir(), 'backtrail-demo-'));
const ended = new AbortController();
let env: Record<string, string>;
let config: Config;
let database: ClickHouse;
let services: Promise<void>;

beforeAll(async () => {
  env = {
    BACKTRAIL_HOME: folder,
    ...serverEnv(),
    CLICKHOUSE_DATABASE: name,
    TOPIC_PREFIX: `${name}.`,
  };
  config = loadConfig(env);
  await migrateAll(config);
  services = runServices(config, ended.signal);
  services.catch(() => undefined);
  database = connectClickHouse(config.clickhouse);
});

afterAll(async () => {
  ended.abort();
  await services.catch(() => undefined);
  await database.close();
  await Promise.all([deleteTopics(config.kafka, `${name}.`), dropDatabase(config.clickhouse)]);
  rmSync(folder, { recursive: true, force: true });
});

async function backtrail(...args: readonly string[]) {
  const result = { out: '', err: '', code: EXIT.ok as number };
  const context: CliContext = {
    env,
    stdout: { write: (text) => (result.out += text) },
    stderr: { write: (text) => (result.err += text) },
    signal: new AbortController().signal,
    endWith: (code) => {
      result.code = code;
    },
  };
  try {
    await runProgram(args, context);
  } catch (error) {
    result.code = exitCodeOf(error);
    result.err += (error as Error).message;
  }
  return result;
}

describe('the main job', () => {
  let report: Report;

  it('ends with answers that the generator knows to be true', async () => {
    const { out, err, code } = await backtrail('demo', '--events', '1500', '--seed', '9', '--json');
    expect({ err, code }).toEqual({ err: '', code: EXIT.ok });
    report = JSON.parse(out) as Report;
    expect(report.checks?.differences).toEqual([]);
    expect(Object.values(report.sent).reduce((sum, count) => sum + count, 0)).toBe(1500);
    const states = report.models.flatMap(({ incidents }) => incidents.map(({ incident }) => incident.state));
    expect(states).toEqual(['contained', 'reopened', 'withdrawn', 'contained']);
    expect(report.stages.map(({ stage }) => stage)).toEqual(['generate', 'stack', 'send', 'apply', 'ask', 'check']);
  });

  it('leaves a stack that can be asked about it', async () => {
    const [model] = report.models;
    const incident = model?.incidents[0]?.incident;
    const asked = await backtrail('ask', 'incident', incident?.model ?? '', incident?.release ?? '', '--json');
    expect(JSON.parse(asked.out)).toMatchObject({ state: 'contained', activations: [1] });
    const table = await backtrail('ask', 'windows', model?.model ?? '');
    expect(table.out.split('\n')[0]).toBe(
      'release  activation  from                      to                        undone_by_rollback  restored  flagged',
    );
    const before = await backtrail('ask', 'incidents', '--known', '2020-01-01', '--json');
    expect(JSON.parse(before.out)).toEqual([]);
  });

  it.each(['-1', '--', "'); DROP TABLE inference_facts; --", 'é', '0x00'])('takes %s for an id', async (id) => {
    const { out, code } = await backtrail('ask', 'served', '--json', '--', id);
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(out)).toMatchObject({ inference: id, status: 'unknown' });
  });
});

describe('records from a file', () => {
  const startMs = Date.now() - STORY_MS - 60_000;
  const { records, truth } = generateTraffic({ events: 1000, seed: 77, startMs });
  const file = join(folder, 'trail.jsonl');
  writeFileSync(file, records.map((record) => `${trailLine(record)}\n`).join(''));

  it('are sent and counted, once and twice, and twice is as good as once', async () => {
    const first = await backtrail('import', file, '--wait', '--json');
    expect(first).toMatchObject({ code: EXIT.ok, err: '' });
    const { sent } = JSON.parse(first.out) as { sent: { stream: string; records: number }[] };
    expect(Object.fromEntries(sent.map(({ stream, records: count }) => [stream, count]))).toEqual(truth.sent);
    const [flagged] = truth.flagged;
    // Without the moments, which are later the second time.
    const ask = async () => {
      const { out, code } = await backtrail('ask', 'taint', flagged?.model ?? '', flagged?.release ?? '', '--json');
      const { known_at, complete_until, provisional, ...answer } = JSON.parse(out) as Record<string, unknown>;
      expect([code, typeof known_at, typeof complete_until, typeof provisional]).toEqual([
        EXIT.ok,
        'string',
        'string',
        'boolean',
      ]);
      return answer;
    };
    const once = await ask();
    expect(await backtrail('import', file, '--wait')).toMatchObject({ code: EXIT.ok, err: '' });
    expect(await ask()).toEqual(once);
    const expected = truth.expectations.find(
      ({ question }) => question.ask === 'taint' && question.model === flagged?.model,
    );
    expect(once).toEqual(expected?.answer);
  });

  it('give the same report, without a truth to compare with', async () => {
    const { out, code } = await backtrail('demo', '--file', file);
    expect(code).toBe(EXIT.ok);
    for (const { model, release } of truth.flagged) expect(out).toMatch(new RegExp(`${model} +${release}`));
    expect(out).not.toContain('generator');
  });

  it('are not sent at all when one line is wrong', async () => {
    const wrong = join(folder, 'wrong.jsonl');
    writeFileSync(wrong, `${trailLine(records[0] as never)}\n{"topic":"proofs"}\n`);
    const ends = () => database.select('SELECT topic, partition, next_offset FROM progress ORDER BY ALL');
    const before = await ends();
    const { code, err } = await backtrail('import', wrong, '--wait');
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(`${wrong}:2: event_id is missing`);
    expect(await ends()).toEqual(before);
  });
});

describe('the comparison with the truth', () => {
  it('finds an answer, a row and a number that are not as the generator knows', async () => {
    const startMs = Date.now() - STORY_MS - 120_000;
    const { records, truth } = generateTraffic({ events: 1000, seed: 5, startMs });
    const options = { signal: ended.signal, onProgress: () => undefined };
    // One request never makes it into the log.
    const lost = records.findIndex(
      ({ stream, record }) => stream === 'inferences' && truth.requests.has(record.inference_id),
    );
    const sent = await sendTrail(
      config,
      records.filter((_, i) => i !== lost),
      options,
    );
    await untilApplied(database, sent, options);
    const knownAtMs = await greatestAppendTime(database);
    const unknown = {
      ambiguous: -1,
      unattributed: truth.unknown.unattributed,
      pending: truth.unknown.pending,
      waiting: truth.unknown.waiting,
      unattributed_amount: truth.unknown.unattributedAmount.toString(),
      dead_letters: [],
    };
    const askAny = asker(database, trailSettings(config));
    const ask = (question: Question) => askAny({ ...question, known: knownAtMs });
    const checks = await checkTruth({ database, ask }, truth, {
      unknown,
      differences: [],
    });
    const paths = checks?.differences.map(({ path }) => path) ?? [];
    expect(paths).toContain('unknown.ambiguous');
    expect(paths).toContain('unknown.dead_letters');
    expect(paths).toContain('row');
  });
});
