import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { coreAnswers, scenarioOf } from '../fuzz/case.js';
import { caseOf } from '../fuzz/fuzz.js';
import { scenarioText } from '../fuzz/scenario-text.js';
import type { FaultProxy } from '../faults/fault-proxy.js';
import type { Victim } from './victim.js';

export interface RoundOptions {
  readonly seed: string;
  readonly round: number;
  readonly stories: number;
  readonly events: number;
}

export interface RoundReport {
  readonly questions: number;
  readonly findings: string[];
}

/** Longer than any fault and what follows from it. */
const COMMAND_LIMIT_MS = 420_000;
const HEAL_LIMIT_MS = 120_000;
const MOMENTS = 1;

/** A demo through the services of the stack, and stories through proxies and services of their own; both must be right. */
export async function work(
  victim: Victim,
  proxies: { registry: FaultProxy; clickhouse: FaultProxy },
  options: RoundOptions,
): Promise<RoundReport> {
  const reports = await Promise.all([demo(victim, options), stories(victim, proxies, options)]);
  return {
    questions: reports.reduce((sum, { questions }) => sum + questions, 0),
    findings: reports.flatMap(({ findings }) => findings),
  };
}

async function demo(victim: Victim, { round, events, seed }: RoundOptions): Promise<RoundReport> {
  const number = String((Number.parseInt(seed, 36) % 1_000_000) * 1_000 + round);
  const args = ['demo', '--events', String(events), '--seed', number, '--json'];
  const { code, stdout, stderr } = await victim.command(args, COMMAND_LIMIT_MS);
  if (code === 0) {
    const { checks } = JSON.parse(stdout) as { checks: { answers: number } };
    return { questions: checks.answers, findings: [] };
  }
  return {
    questions: 0,
    findings: [`demo --seed ${number} ended with ${code}: ${stderr.slice(-500)} ${stdout.slice(-500)}`],
  };
}

async function stories(
  victim: Victim,
  { registry, clickhouse }: { registry: FaultProxy; clickhouse: FaultProxy },
  { seed, round, stories: count }: RoundOptions,
): Promise<RoundReport> {
  const folder = join(victim.folder, 'stories');
  mkdirSync(folder, { recursive: true });
  const files = Array.from({ length: count }, (_, i) => {
    const one = caseOf(`chaos ${seed}`, round * count + i, MOMENTS);
    const answers = coreAnswers(scenarioOf(one));
    const asked = one.questions.map((question, at) => ({ question, answer: answers[at] as (typeof answers)[number] }));
    const text = scenarioText(one.name, one.records, asked);
    const file = join(folder, `${round}-${i}.yaml`);
    writeFileSync(file, text);
    return { file, text };
  });
  const { KAFKA_BROKERS } = victim.endpoints();
  const env = { KAFKA_BROKERS, SCHEMA_REGISTRY_URL: registry.url, CLICKHOUSE_URL: clickhouse.url };
  const args = ['scenario', 'run', ...files.map(({ file }) => file), '--engine', 'stack', '--json'];
  const { code, stdout, stderr } = await victim.command(args, COMMAND_LIMIT_MS, env);
  const outcomes = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { pass: boolean; checks: { pass: boolean }[] });
  const questions = outcomes.reduce((sum, { checks }) => sum + checks.length, 0);
  const findings = outcomes.flatMap(({ pass, checks }, i) => {
    const wrong = checks.filter((check) => !check.pass).map((check) => `# ${JSON.stringify(check)}`);
    return pass ? [] : [`${wrong.slice(0, 3).join('\n')}\n${files[i]?.text ?? ''}`];
  });
  if (code !== 0 && code !== 3) findings.push(`scenario run ended with ${code}: ${stderr.slice(-800)}`);
  return { questions, findings };
}

/** When all faults are over: everything is ready again, every offset is accounted for, every death was counted. */
export async function check(victim: Victim): Promise<string[]> {
  victim.thawAll();
  const deadline = elapsedMs() + HEAL_LIMIT_MS;
  while (!(await victim.status()).allReady) {
    if (elapsedMs() > deadline) return [`not ready again: ${JSON.stringify(await victim.status())}`];
    await sleep(500);
  }
  const { services, parts } = await victim.status();
  const all = [...services, ...Object.entries(parts).map(([name, part]) => ({ name, ...part }))];
  const findings = all.flatMap(({ name, restarts, reason }) => {
    const killed = victim.killed.get(name)?.size ?? 0;
    // Whoever is frozen for long is ended and started again, as it should be; on a full disk nobody lives.
    const silent = victim.everFrozen.has(name) ? victim.killedAsSilent(name) : 0;
    const isRight = restarts === killed + silent || (victim.everFull && restarts > killed);
    return isRight ? [] : [`${name}: killed ${killed} times, started again ${restarts} (${reason ?? ''})`];
  });
  const { code, stdout, stderr } = await victim.command(['completeness'], COMMAND_LIMIT_MS);
  if (code !== 0) findings.push(`completeness ended with ${code}: ${stderr}\n${stdout}`);
  return findings;
}
