import { statfs } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import {
  embeddedAddress,
  type Endpoint,
  type Endpoints,
  ENDPOINT_VARIABLES,
  mergeEndpoints,
  PARTS,
} from './endpoints.js';
import { type Env, type Home, logFile } from './home.js';
import { type Identity, isAlive, signalProcess } from './identity.js';
import { ensureJars, type Jars } from './jars.js';
import { checkJava } from './java.js';
import { launch, nodeCommand } from './launch.js';
import { withLock } from './lock.js';
import { explainLog, logTail } from './log-files.js';
import { choosePort, freePort, isFree, type PartName, type PortChoice } from './ports.js';
import { httpAnswers, isThere, tcpAnswers } from './ready.js';
import { StackError } from './stack-error.js';
import {
  type ProcessRecord,
  readStackFile,
  readWanted,
  type ServiceSpec,
  type StackFile,
  type Wanted,
  writeJson,
} from './stack-file.js';
import { stopAll } from './stop.js';

/** A service to run; its port is a wish, as only health and metrics are served there. */
export type ServiceRequest = ServiceSpec;

export interface StartOptions {
  home: Home;
  env: Env;
  ports?: Partial<Record<PartName, PortChoice>>;
  services?: readonly ServiceRequest[];
  /** Creates topics, subjects and tables, once the parts are ready and before the services start. Called by every `up`. */
  migrate?: (endpoints: Endpoints) => Promise<void>;
  say?: (line: string) => void;
  signal?: AbortSignal;
}

export interface Started {
  endpoints: Endpoints;
  /** Names of what was not running before. */
  started: string[];
  processes: ProcessRecord[];
  tookMs: number;
}

// A service may have much to read before it is ready; `up` then ends without it and says so.
const SERVICES_LIMIT_MS = 60_000;
const SPACE_NEEDED_BYTES = 300 * 1024 * 1024;

/**
 * Starts what is not running and waits until it is ready. Throws StackError with a sentence for the user; if nothing ran
 * before, then nothing runs afterwards.
 */
export async function startStack(options: StartOptions): Promise<Started> {
  const say = options.say ?? (() => undefined);
  const beganMs = elapsedMs();
  makeHome(options.home);
  const onWait = (): void => {
    say('Another command is starting or stopping this stack: waiting for it ...');
  };
  return withLock(options.home.lockFile, onWait, async () => {
    const before = living(readStackFile(options.home.stackFile));
    const wanted = await plan(options, before, say);
    const supervisor = await superviseWanted(options, wanted);
    const fresh = before.processes.length === 0;
    try {
      await untilParts(options, supervisor, wanted);
      await options.migrate?.(wanted.endpoints);
    } catch (error) {
      if (fresh) await stopAll(options.home);
      throw error;
    }
    const services = await withPorts(options.services ?? [], readWanted(options.home.wantedFile), wanted, before);
    const complete = { ...wanted, generation: wanted.generation + 1, services };
    writeJson(options.home.wantedFile, complete);
    const processes = await untilServices(options, supervisor, complete);
    const names = new Set(before.processes.map(({ name }) => name));
    const started = processes.filter(({ name }) => !names.has(name)).map(({ name }) => name);
    return { endpoints: wanted.endpoints, started, processes, tookMs: elapsedMs() - beganMs };
  });
}

function makeHome(home: Home): void {
  try {
    mkdirSync(home.logs, { recursive: true });
    mkdirSync(home.data, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StackError(`${home.root} cannot be used: ${reason}. Choose another folder with --dir.`, { cause: error });
  }
}

/** What of a recorded stack still lives. */
function living(stack: StackFile | null): StackFile {
  return {
    supervisor: isAlive(stack?.supervisor ?? null) ? (stack?.supervisor ?? null) : null,
    generation: stack?.generation ?? 0,
    processes: (stack?.processes ?? []).filter(({ identity }) => isAlive(identity)),
  };
}

/** Parts, ports and addresses. What runs already stays where it is. */
async function plan(options: StartOptions, before: StackFile, say: (line: string) => void): Promise<Wanted> {
  const { home, env } = options;
  const known = mergeEndpoints(env, before);
  await checkExternal(known);
  const parts = PARTS.filter((part) => known[part]?.source !== 'external');
  const earlier = readWanted(home.wantedFile);
  const needsJava = parts.some((part) => part !== 'clickhouse');
  const [ports, jars] = await Promise.all([
    choosePorts(options, parts, before, earlier),
    needsJava ? prepareJava(home, env, say) : null,
    checkSpace(home),
  ]);
  const endpoint = (part: PartName): Endpoint =>
    known[part] ?? { address: embeddedAddress(part, ports[part] ?? 0), source: 'embedded' };
  return {
    generation: (earlier?.generation ?? 0) + 1,
    ports,
    parts,
    jars,
    endpoints: { kafka: endpoint('kafka'), registry: endpoint('registry'), clickhouse: endpoint('clickhouse') },
    // Running services go on while the parts are looked after; none of a stack that is gone is started before `migrate`.
    services: before.supervisor === null ? [] : (earlier?.services ?? []),
  };
}

async function prepareJava(home: Home, env: Env, say: (line: string) => void): Promise<Jars> {
  const [jars] = await Promise.all([ensureJars(home, env, say), checkJava(env)]);
  return jars;
}

async function choosePorts(
  options: StartOptions,
  parts: readonly PartName[],
  before: StackFile,
  earlier: Wanted | null,
): Promise<Wanted['ports']> {
  const ports: Wanted['ports'] = {};
  const taken = new Set<number>();
  // As long as one part lives, all stay where they were: the others' clients know these addresses.
  const kept = before.processes.some(({ kind }) => kind === 'part') ? (earlier?.ports ?? {}) : {};
  for (const part of parts) {
    const choice = options.ports?.[part];
    const keptPort = kept[part];
    if (keptPort !== undefined && typeof choice === 'number' && choice !== keptPort) {
      throw new StackError(
        `This stack has its ${part} on port ${String(keptPort)}. To move it, run \`backtrail down\` first.`,
        { exitCode: 2 },
      );
    }
    ports[part] = keptPort ?? (await choosePort(part, choice, taken));
    taken.add(ports[part]);
  }
  if (parts.includes('kafka')) ports.kafkaController = kept.kafkaController ?? (await freePort(taken));
  return ports;
}

async function checkSpace(home: Home): Promise<void> {
  const { bavail, bsize } = await statfs(home.root);
  if (bavail * bsize >= SPACE_NEEDED_BYTES) return;
  throw new StackError(
    `Only ${String(Math.floor((bavail * bsize) / 1024 / 1024))} MB are free where ${home.root} is; the stack needs 300 MB to start. ` +
      'Free some space, or choose another folder with --dir.',
  );
}

/** A server that the environment names must be there: an embedded one would be a surprise. */
async function checkExternal(known: Record<PartName, Endpoint | null>): Promise<void> {
  await Promise.all(
    PARTS.map(async (part) => {
      const endpoint = known[part];
      if (endpoint?.source !== 'external' || (await externalAnswers(part, endpoint.address))) return;
      const variable = ENDPOINT_VARIABLES[part];
      throw new StackError(
        `${variable} names ${endpoint.address}, but nothing answers there. Start that server, or unset ${variable} to use an embedded one.`,
      );
    }),
  );
}

export async function externalAnswers(part: PartName, address: string): Promise<boolean> {
  if (part !== 'kafka') return httpAnswers(address, isThere);
  const answers = await Promise.all(address.split(',').map((broker) => tcpAnswers(broker.trim())));
  return answers.includes(true);
}

async function superviseWanted(options: StartOptions, wanted: Wanted): Promise<Identity> {
  const { home, env } = options;
  writeJson(home.wantedFile, wanted);
  const running = readStackFile(home.stackFile)?.supervisor ?? null;
  if (running !== null && isAlive(running)) return running;
  const { identity, ended } = await launch(nodeCommand('infra/embedded/supervisor-main', [home.root]), {
    env,
    logFile: logFile(home, 'supervisor'),
  });
  if (identity === null) throw new StackError(`The supervisor could not be started: ${await ended}`);
  return identity;
}

async function untilParts(options: StartOptions, supervisor: Identity, wanted: Wanted): Promise<void> {
  const records = await until(options, supervisor, wanted, (parts) =>
    parts.filter(({ kind }) => kind === 'part').every(({ state }) => state === 'ready' || state === 'failed'),
  );
  const failed = records.find(({ kind, state }) => kind === 'part' && state === 'failed');
  if (failed !== undefined) throw new StackError(failureSentence(options.home, failed));
}

async function untilServices(options: StartOptions, supervisor: Identity, wanted: Wanted): Promise<ProcessRecord[]> {
  const deadline = elapsedMs() + SERVICES_LIMIT_MS;
  const settled = (records: ProcessRecord[]): boolean =>
    elapsedMs() > deadline || records.every(({ state }) => state === 'ready' || state === 'failed');
  const records = await until(options, supervisor, wanted, settled);
  const failed = records.find(({ state }) => state === 'failed');
  if (failed !== undefined) throw new StackError(failureSentence(options.home, failed));
  return records;
}

/** Waits for a condition on what the supervisor says runs, once it has acted on what is wanted. */
async function until(
  options: StartOptions,
  supervisor: Identity,
  wanted: Wanted,
  condition: (records: ProcessRecord[]) => boolean,
): Promise<ProcessRecord[]> {
  for (;;) {
    if (options.signal?.aborted === true) {
      signalProcess(supervisor, 'SIGTERM'); // it stops what was begun; nobody waits for it
      throw new StackError('interrupted');
    }
    const stack = readStackFile(options.home.stackFile);
    const acted = stack?.supervisor?.pid === supervisor.pid && stack.generation >= wanted.generation;
    if (acted && condition(stack.processes)) return stack.processes;
    if (!isAlive(supervisor)) {
      const tail = logTail(logFile(options.home, 'supervisor'));
      throw new StackError(`The process that watches over the stack ended.${sentenceOf(tail)}`);
    }
    await sleep(30);
  }
}

function failureSentence(home: Home, failed: ProcessRecord): string {
  const path = logFile(home, failed.name);
  const tail = logTail(path);
  return `${failed.name} could not be started (${failed.reason ?? 'no reason known'}).${sentenceOf(tail)}\nMore: ${path}`;
}

function sentenceOf(tail: string): string {
  const why = explainLog(tail);
  return `${why === null ? '' : ` ${why}`}\nThe end of its log:\n${tail.replaceAll(/^/gm, '  | ')}`;
}

/** A service that runs keeps its port: another one would mean starting it anew. */
async function withPorts(
  services: readonly ServiceRequest[],
  earlier: Wanted | null,
  wanted: Wanted,
  before: StackFile,
): Promise<ServiceSpec[]> {
  const taken = new Set(Object.values(wanted.ports));
  const placed: ServiceSpec[] = [];
  for (const service of services) {
    const lives = before.processes.some(({ name }) => name === service.name);
    const kept = lives ? earlier?.services.find(({ name }) => name === service.name)?.port : undefined;
    const port = service.port === undefined ? undefined : (kept ?? (await wishedPort(service.port, taken)));
    if (port !== undefined) taken.add(port);
    placed.push({ ...service, ...(port === undefined ? {} : { port }) });
  }
  return placed;
}

async function wishedPort(port: number, taken: ReadonlySet<number>): Promise<number> {
  return !taken.has(port) && (await isFree(port)) ? port : freePort(taken);
}
