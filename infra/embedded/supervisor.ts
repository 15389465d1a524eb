import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { elapsedMs, now, sleep } from '../../services/shared/clock.js';
import { isDiskFull } from './disk.js';
import { PARTS } from './endpoints.js';
import { type Env, type Home, logFile } from './home.js';
import { identityOf, isAlive } from './identity.js';
import { endProcess, keepAlive, type Keeper } from './keep.js';
import { boundLogs } from './log-files.js';
import { lockForLife } from './lock.js';
import { partSpec, type ProcessSpec, serviceSpec, STOP_LIMIT_MS } from './parts.js';
import { type ProcessRecord, readStackFile, readWanted, type StackFile, type Wanted, writeJson } from './stack-file.js';

const LOOK_EVERY_MS = 200;
const BOUND_LOGS_EVERY_MS = 5000;

interface Kept {
  spec: ProcessSpec;
  /** What of `wanted.json` it rests on: when that changes the process is started anew. */
  basis: unknown;
  record: ProcessRecord;
  letGo: AbortController;
  done: Promise<void>;
}

/**
 * The process that stays after `backtrail up` has ended: makes what runs equal to what is wanted (wanted.json), keeps it so,
 * and says what runs (stack.json). Until `stop` aborts; then it stops everything, the users of a server before the server.
 */
export async function supervise(home: Home, env: Env, stop: AbortSignal): Promise<void> {
  const earlier = readStackFile(home.stackFile);
  if (readWanted(home.wantedFile)?.stop === true) return;
  const lock = join(home.root, 'supervisor.lock');
  if (isAlive(earlier?.supervisor ?? null) || !lockForLife(lock)) {
    throw new Error('another supervisor runs in this folder');
  }
  const supervisor = new Supervisor(home, env, earlier);
  let lookedAt = elapsedMs();
  while (!stop.aborted) {
    const wanted = readWanted(home.wantedFile);
    if (wanted?.stop === true || (wanted !== null && wanted.owner !== null && !isAlive(wanted.owner))) break;
    await supervisor.reconcile(wanted);
    supervisor.saveOwed();
    if (elapsedMs() - lookedAt > BOUND_LOGS_EVERY_MS) {
      survive('the logs could not be shortened', () => {
        boundLogs(home);
      });
      lookedAt = elapsedMs();
    }
    await sleep(LOOK_EVERY_MS, stop);
  }
  await supervisor.stopAll();
  rmSync(lock, { force: true });
}

class Supervisor {
  readonly #kept = new Map<string, Kept>();
  readonly #stack: StackFile;
  #isOwed = false;

  constructor(
    readonly home: Home,
    readonly env: Env,
    readonly earlier: StackFile | null,
  ) {
    // What lives of an earlier stack stays on record until it is taken over: a crash now must not lose its pid.
    // What died with it stays, too: it is started again, and that is counted.
    const processes = earlier?.processes ?? [];
    this.#stack = { supervisor: identityOf(process.pid), generation: 0, processes };
    this.#save();
  }

  async reconcile(wanted: Wanted | null): Promise<void> {
    if (wanted === null || wanted.generation === this.#stack.generation) return;
    const specs = new Map<string, { spec: ProcessSpec; basis: unknown }>();
    for (const part of wanted.parts)
      specs.set(part, { spec: partSpec(part, wanted, this.home, this.env), basis: part });
    for (const service of wanted.services) {
      const basis = { service, endpoints: wanted.endpoints };
      specs.set(service.name, { spec: serviceSpec(service, wanted, this.env), basis });
    }
    for (const [name, kept] of [...this.#kept]) {
      const next = specs.get(name);
      if (kept.record.state === 'failed') this.#kept.delete(name);
      else if (!isDeepStrictEqual(next?.basis, kept.basis)) await this.#stop(kept);
    }
    await this.#stopUnwanted(specs);
    for (const [name, { spec, basis }] of specs) if (!this.#kept.has(name)) this.#keep(spec, basis);
    this.#stack.generation = wanted.generation;
    this.#save();
  }

  /** What an earlier supervisor started and nobody wants any more. */
  async #stopUnwanted(specs: ReadonlyMap<string, unknown>): Promise<void> {
    for (const record of this.#stack.processes.filter(({ name }) => !specs.has(name) && !this.#kept.has(name))) {
      note(await endProcess(record, STOP_LIMIT_MS));
      this.#stack.processes = this.#stack.processes.filter((other) => other !== record);
    }
  }

  async stopAll(): Promise<void> {
    for (const kept of this.#kept.values()) kept.letGo.abort();
    const of = (kind: 'part' | 'service'): Kept[] => [...this.#kept.values()].filter(({ spec }) => spec.kind === kind);
    await Promise.all(of('service').map((kept) => this.#stop(kept)));
    const lastFirst = [...PARTS].reverse();
    const parts = of('part').sort(
      (a, b) => lastFirst.findIndex((p) => p === a.spec.name) - lastFirst.findIndex((p) => p === b.spec.name),
    );
    for (const kept of parts) await this.#stop(kept);
    this.#stack.supervisor = null;
    this.#save();
  }

  #keep(spec: ProcessSpec, basis: unknown): void {
    const known = this.#stack.processes.find((record) => record.name === spec.name);
    const record: ProcessRecord = {
      name: spec.name,
      kind: spec.kind,
      identity: known?.identity ?? null,
      state: 'starting',
      restarts: known?.restarts ?? 0,
      reason: null,
      address: spec.address,
    };
    this.#stack.processes = [...this.#stack.processes.filter((other) => other !== known), record];
    this.#save();
    const letGo = new AbortController();
    const done = keepAlive(spec, known === undefined ? null : { ...record }, this.#keeper(record, spec), letGo.signal);
    this.#kept.set(spec.name, { spec, basis, record, letGo, done });
  }

  #keeper(record: ProcessRecord, spec: ProcessSpec): Keeper {
    return {
      logFile: (name) => logFile(this.home, name),
      record: (change) => {
        Object.assign(record, change);
        this.#save();
      },
      note,
      isDiskFull: () => isDiskFull(this.home.root),
      mayStart: async (signal) => {
        while (spec.kind === 'service' && !signal.aborted && !this.#partsReady()) await sleep(50, signal);
      },
    };
  }

  #partsReady(): boolean {
    return [...this.#kept.values()].every(({ spec, record }) => spec.kind === 'service' || record.state === 'ready');
  }

  async #stop(kept: Kept): Promise<void> {
    kept.letGo.abort();
    await kept.done;
    note(await endProcess(kept.record, kept.spec.stopLimitMs));
    Object.assign(kept.record, { identity: null, state: 'stopped' });
    this.#kept.delete(kept.spec.name);
    this.#stack.processes = this.#stack.processes.filter((record) => record !== kept.record);
    this.#save();
  }

  /** What a full disk did not take is written when it does: or nobody would hear of who started meanwhile. */
  saveOwed(): void {
    if (this.#isOwed && !isDiskFull(this.home.root)) this.#save();
  }

  #save(): void {
    this.#isOwed = !survive('stack.json could not be written', () => {
      writeJson(this.home.stackFile, this.#stack);
    });
  }
}

/** A full disk must not end the one process that will start the others again once there is space. */
function survive(trouble: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    note(`${trouble}: ${String(error)}`);
    return false;
  }
}

/** Standard output of the supervisor is its log file. */
function note(sentence: string): void {
  process.stdout.write(`${new Date(now()).toISOString()} ${sentence}\n`);
}
