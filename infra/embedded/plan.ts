import { statfs } from 'node:fs/promises';
import { withoutUsers } from '../../services/shared/redact.js';
import { embeddedAddress, type Endpoint, ENDPOINT_VARIABLES, type Endpoints, PARTS } from './endpoints.js';
import type { Env, Home } from './home.js';
import { type Identity, isAlive } from './identity.js';
import { ensureJars, type Jars } from './jars.js';
import { checkJava } from './java.js';
import { choosePort, freePort, isFree, type PartName, type PortChoice, portFromEnv } from './ports.js';
import { httpAnswers, isThere, tcpAnswers } from './ready.js';
import { StackError } from './stack-error.js';
import { readWanted, type ServiceSpec, type StackFile, type Wanted } from './stack-file.js';

export interface StartOptions {
  home: Home;
  env: Env;
  /** Before BACKTRAIL_KAFKA_PORT and so on, before the usual ones. */
  ports?: Partial<Record<PartName, PortChoice>>;
  services?: readonly ServiceSpec[];
  /** Creates topics, subjects and tables, once the parts are ready and before the services start. Called by every `up`. */
  migrate?: (endpoints: Endpoints) => Promise<void>;
  /** The stack ends with this process, even if it is killed. Without one it stays until `down`. */
  owner?: Identity | null;
  say?: (line: string) => void;
  signal?: AbortSignal;
}

const SPACE_NEEDED_BYTES = 300 * 1024 * 1024;

/** What of a recorded stack still lives. */
export function livingOf(stack: StackFile | null): StackFile {
  return {
    supervisor: isAlive(stack?.supervisor ?? null) ? (stack?.supervisor ?? null) : null,
    generation: stack?.generation ?? 0,
    processes: (stack?.processes ?? []).filter(({ identity }) => isAlive(identity)),
  };
}

/** Parts, ports and addresses. What runs already stays where it is. */
export async function planStack(
  options: StartOptions,
  before: StackFile,
  known: Record<PartName, Endpoint | null>,
  say: (line: string) => void,
): Promise<Wanted> {
  const { home, env } = options;
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
    owner: options.owner ?? null,
    jars,
    endpoints: { kafka: endpoint('kafka'), registry: endpoint('registry'), clickhouse: endpoint('clickhouse') },
    // Services that run go on while the parts are looked after; no other is started before `migrate`.
    services: (earlier?.services ?? []).filter(({ name }) => before.processes.some((running) => running.name === name)),
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
  // As long as something lives, all stay where they were: the others' clients know these addresses.
  const keeps = before.supervisor !== null || before.processes.some(({ kind }) => kind === 'part');
  const kept = keeps ? (earlier?.ports ?? {}) : {};
  for (const part of parts) {
    const choice = options.ports?.[part] ?? portFromEnv(part, options.env);
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
        `${variable} names ${withoutUsers(endpoint.address)}, but nothing answers there. Start that server, or unset ${variable} to use an embedded one.`,
      );
    }),
  );
}

export async function externalAnswers(part: PartName, address: string): Promise<boolean> {
  if (part !== 'kafka') {
    if (!URL.canParse(address)) return false;
    // Neither a certificate nor a user of somebody else's is ours to judge here: something listens, that is all.
    const { protocol, hostname, port, username } = new URL(address);
    const isPlain = protocol === 'http:' && username === '';
    if (isPlain) return httpAnswers(address, isThere);
    return tcpAnswers(`${hostname}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`);
  }
  const answers = await Promise.all(address.split(',').map((broker) => tcpAnswers(broker.trim())));
  return answers.includes(true);
}

/** A service that runs keeps its port: another one would mean starting it anew. */
export async function placeServices(
  services: readonly ServiceSpec[],
  wanted: Wanted,
  before: StackFile,
): Promise<ServiceSpec[]> {
  const taken = new Set(Object.values(wanted.ports));
  const placed: ServiceSpec[] = [];
  for (const service of services) {
    const lives = before.processes.some(({ name }) => name === service.name);
    const kept = lives ? wanted.services.find(({ name }) => name === service.name)?.port : undefined;
    const port = kept ?? (await wishedPort(service.port, taken));
    taken.add(port);
    placed.push({ ...service, port });
  }
  return placed;
}

async function wishedPort(port: number, taken: ReadonlySet<number>): Promise<number> {
  return !taken.has(port) && (await isFree(port)) ? port : freePort(taken);
}
