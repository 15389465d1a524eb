import { mkdirSync } from 'node:fs';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { externalEndpoints, isSameServer, mergeEndpoints, PARTS, type Endpoints } from './endpoints.js';
import { type Home, logFile } from './home.js';
import { type Identity, isAlive, isFrozen, signalProcess } from './identity.js';
import { guarded } from './guard.js';
import { launch, nodeCommand } from './launch.js';
import { withLock } from './lock.js';
import { explainLog, logTail } from './log-files.js';
import { livingOf, placeServices, planStack, type StartOptions } from './plan.js';
import type { PartName } from './ports.js';
import { StackError } from './stack-error.js';
import { type ProcessRecord, readStackFile, readWanted, type Wanted, writeJson } from './stack-file.js';
import { stopAll } from './stop.js';

export interface Started {
  endpoints: Endpoints;
  /** Names of what was not running before. */
  started: string[];
  processes: ProcessRecord[];
  tookMs: number;
}

// A service may have much to read before it is ready; `up` then ends without it and says so.
const SERVICES_LIMIT_MS = 60_000;
// One that was killed is started again by its guard.
const SUPERVISOR_AWAY_MS = 5_000;
// Longer than any part is given to become ready: the supervisor, which knows more, gives up first.
const OVERALL_LIMIT_MS = 200_000;

/**
 * Starts what is not running and waits until it is ready. Throws StackError with a sentence for the user; if nothing ran
 * before, then nothing runs afterwards.
 */
export async function startStack(options: StartOptions): Promise<Started> {
  const say = options.say ?? (() => undefined);
  const beganMs = elapsedMs();
  makeHome(options.home);
  return alone(options, async () => {
    const recorded = readStackFile(options.home.stackFile);
    const before = livingOf(recorded);
    const wanted = await planStack(options, before, mergeEndpoints(options.env, recorded), say);
    const fresh = before.supervisor === null && before.processes.length === 0;
    // How often something was started again counts from here.
    if (fresh) writeJson(options.home.stackFile, { supervisor: null, generation: 0, processes: [] });
    await superviseWanted(options, wanted);
    const waiting = { ...options, fresh };
    try {
      await untilParts(waiting, wanted);
      await options.migrate?.(wanted.endpoints);
    } catch (error) {
      if (fresh) await stopAll(options.home);
      throw error;
    }
    const services = await placeServices(options.services ?? [], wanted, before);
    const complete = { ...wanted, generation: wanted.generation + 1, services };
    writeJson(options.home.wantedFile, complete);
    const processes = await untilServices(waiting, complete);
    const names = new Set(before.processes.map(({ name }) => name));
    const started = processes.filter(({ name }) => !names.has(name)).map(({ name }) => name);
    return { endpoints: wanted.endpoints, started, processes, tookMs: elapsedMs() - beganMs };
  });
}

/**
 * Waits for a stack that runs already and is just being repaired, as it is: that this command is told of other servers by its
 * environment changes nothing for those that it has. Null when none runs, or not all that is needed belongs to it.
 */
export async function resumeStack(options: StartOptions): Promise<Endpoints | null> {
  const { home, env } = options;
  const { supervisor, processes } = livingOf(readStackFile(home.stackFile));
  if (supervisor === null && processes.length === 0) return null;
  return alone(options, async () => {
    const earlier = readWanted(home.wantedFile);
    if (earlier === null || earlier.stop === true) return null;
    const named = externalEndpoints(env);
    const isNeeded = (part: PartName): boolean => {
      const address = named[part]?.address;
      return address === undefined || isSameServer(address, earlier.endpoints[part].address);
    };
    if (!PARTS.filter(isNeeded).every((part) => earlier.parts.includes(part))) return null;
    options.say?.('The embedded stack is not ready: waiting for it ...');
    // Another generation makes the supervisor try again what it had given up.
    const wanted = { ...earlier, generation: earlier.generation + 1 };
    await superviseWanted(options, wanted);
    await untilParts({ ...options, fresh: false }, wanted);
    const others = PARTS.filter((part) => !isNeeded(part)).map((part) => [part, named[part]]);
    return { ...earlier.endpoints, ...Object.fromEntries(others) } as Endpoints;
  });
}

/** One command at a time starts, repairs or stops a stack. */
function alone<T>({ home, say }: StartOptions, work: () => Promise<T>): Promise<T> {
  const onWait = (): void => {
    say?.('Another command is starting or stopping this stack: waiting for it ...');
  };
  return withLock(home.lockFile, onWait, work);
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

/** `fresh`: nothing of the stack ran before; whoever ends the command then wants nothing of it. */
type Waiting = StartOptions & { readonly fresh: boolean };

async function superviseWanted(options: StartOptions, wanted: Wanted): Promise<void> {
  const { home, env } = options;
  writeJson(home.wantedFile, wanted);
  const running = readStackFile(home.stackFile)?.supervisor ?? null;
  if (running !== null && isAlive(running)) {
    if (isFrozen(running)) signalProcess(running, 'SIGCONT');
    return;
  }
  const command = guarded(nodeCommand('infra/embedded/supervisor-main', [home.root]), home);
  const { identity, ended } = await launch(command, { env, logFile: logFile(home, 'supervisor') });
  if (identity === null) throw new StackError(`The supervisor could not be started: ${await ended}`);
}

async function untilParts(options: Waiting, wanted: Wanted): Promise<void> {
  const records = await until(options, wanted, (parts) =>
    parts.filter(({ kind }) => kind === 'part').every(({ state }) => state === 'ready' || state === 'failed'),
  );
  const failed = records.find(({ kind, state }) => kind === 'part' && state === 'failed');
  if (failed !== undefined) throw new StackError(failureSentence(options.home, failed));
}

async function untilServices(options: Waiting, wanted: Wanted): Promise<ProcessRecord[]> {
  const deadline = elapsedMs() + SERVICES_LIMIT_MS;
  const settled = (records: ProcessRecord[]): boolean =>
    elapsedMs() > deadline || records.every(({ state }) => state === 'ready' || state === 'failed');
  const records = await until(options, wanted, settled);
  const failed = records.find(({ state }) => state === 'failed');
  if (failed !== undefined) throw new StackError(failureSentence(options.home, failed));
  return records;
}

/** Waits for a condition on what the supervisor says runs, once it has acted on what is wanted. */
async function until(
  options: Waiting,
  wanted: Wanted,
  condition: (records: ProcessRecord[]) => boolean,
): Promise<ProcessRecord[]> {
  const deadline = elapsedMs() + OVERALL_LIMIT_MS;
  let seenMs = elapsedMs();
  for (;;) {
    const stack = readStackFile(options.home.stackFile);
    const supervisor = stack?.supervisor ?? null;
    if (options.signal?.aborted === true) {
      if (options.fresh) leave(options.home, wanted, supervisor);
      throw new StackError('interrupted');
    }
    if (isAlive(supervisor)) seenMs = elapsedMs();
    const acted = stack !== null && isAlive(supervisor) && stack.generation >= wanted.generation;
    if (acted && condition(stack.processes)) return stack.processes;
    if (elapsedMs() - seenMs > SUPERVISOR_AWAY_MS) {
      const tail = logTail(logFile(options.home, 'supervisor'));
      throw new StackError(`The process that watches over the stack ended.${sentenceOf(tail)}`);
    }
    if (elapsedMs() > deadline) {
      throw new StackError(
        `The stack is not ready after ${String(OVERALL_LIMIT_MS / 1000)} s. Its logs are in ${options.home.logs}.`,
      );
    }
    await sleep(30);
  }
}

/** It stops what was begun; nobody waits for it. */
function leave(home: Home, wanted: Wanted, supervisor: Identity | null): void {
  writeJson(home.wantedFile, { ...wanted, stop: true });
  if (supervisor !== null) signalProcess(supervisor, 'SIGTERM');
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
