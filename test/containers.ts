import { randomBytes } from 'node:crypto';
import {
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  getReaper,
  ImageName,
  type ContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
} from 'testcontainers';
import type { TestProject } from 'vitest/node';
import { PARTS } from '../infra/embedded/endpoints.js';
import { freePort, type PartName } from '../infra/embedded/ports.js';
import { httpAnswers, kafkaAnswers } from '../infra/embedded/ready.js';
import { packageRoot } from '../services/shared/package-root.js';
import {
  COMPOSE_FILE,
  composeServices,
  hostEnvironment,
  portVariables,
  type ComposeServices,
  type HostEnvironment,
  type Ports,
} from './compose-file.js';
import { ContainerHealth, fateOf } from './container-health.js';
import { composeProblem, engineProblem, imageProblems } from './docker-problems.js';

const START_LIMIT_MS = 240_000;
/** Volumes too; and nobody waits for a tidy end of what is thrown away. */
const GONE = { removeVolumes: true, timeout: 1000 };
const MORE = 'With DEBUG=testcontainers* every step is shown.';

/**
 * The servers of docker-compose.yml, with its images, settings and health checks, for one run of the tests that else use
 * the embedded ones (test/stack.ts): a project of its own on free ports, so a stack that is in use stays as it is, removed
 * with its volumes afterwards; also when the run is killed, by testcontainers' own clean-up container. What the environment
 * says of other servers does not count.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return start(project).catch((error: unknown) => {
    if (!(error instanceof CannotStart)) throw error;
    // Vitest would put the sentences under a heading of its own, below one that says there are no tests.
    say(`${error.message}\nWithout Docker, \`npm test\` runs the same tests on servers that it starts itself.`);
    process.exit(1);
  });
}

/** In words for the person who runs the tests. */
class CannotStart extends Error {}

async function start(project: TestProject): Promise<() => Promise<void>> {
  const services = composeServices();
  await check(services);
  const ports = await freePorts();
  say(`starting ${PARTS.join(', ')} of ${COMPOSE_FILE}`);
  const name = `backtrail-test-${randomBytes(4).toString('hex')}`;
  const started = await new DockerComposeEnvironment(packageRoot(), COMPOSE_FILE)
    .withProjectName(name)
    .withEnvironment(portVariables(ports))
    .withDefaultWaitStrategy(new ContainerHealth())
    .withStartupTimeout(START_LIMIT_MS)
    .up([...PARTS])
    .catch((error: unknown) => {
      throw notStarted(messageOf(error));
    });
  try {
    for (const part of PARTS) await there(started, name, part);
    const env = hostEnvironment(services, ports);
    await reach(env);
    project.provide('endpoints', {
      brokers: env.KAFKA_BROKERS,
      registryUrl: env.SCHEMA_REGISTRY_URL,
      clickhouseUrl: env.CLICKHOUSE_URL,
      clickhouseUser: env.CLICKHOUSE_USER,
      clickhousePassword: env.CLICKHOUSE_PASSWORD,
    });
    // Test processes inherit it: programs that tests start find the servers as they would anywhere.
    Object.assign(process.env, env);
  } catch (error) {
    await started.down(GONE);
    throw error;
  }
  return async () => {
    await started.down(GONE);
  };
}

/** Testcontainers waits for what runs; what ended before it looked is just not there. */
async function there(started: StartedDockerComposeEnvironment, name: string, part: PartName): Promise<void> {
  try {
    started.getContainer(`${part}-1`);
  } catch {
    throw notStarted(await fateOf(`${name}-${part}-1`));
  }
}

function notStarted(reason: string): CannotStart {
  return new CannotStart(`The containers did not start, and are removed again. ${reason}\n${MORE}`);
}

/** Ends the run with a sentence for everything that is missing, before anything is started. */
async function check(services: ComposeServices): Promise<void> {
  const client = await getContainerRuntimeClient().catch(async () => {
    throw new CannotStart(await engineProblem(process.env));
  });
  const compose = await composeProblem(process.env);
  const wanted = PARTS.map((part) => services[part]?.image ?? '');
  const images = await imageProblems(imagesOf(client), wanted, say);
  const problems = [...(compose === null ? [] : [compose]), ...images];
  if (problems.length > 0) throw new CannotStart(problems.join('\n'));
  // It would be started with the first container anyway: started alone, what it lacks can be told apart.
  await getReaper(client).catch((error: unknown) => {
    throw new CannotStart(
      `Testcontainers' own container, which cleans up, did not start: ${messageOf(error)}. See that its image can be fetched, or set TESTCONTAINERS_RYUK_DISABLED=true: a run that is killed then leaves its containers behind.`,
    );
  });
}

function imagesOf({ image }: ContainerRuntimeClient) {
  return {
    exists: (name: string) => image.exists(ImageName.fromString(name)),
    pull: (name: string) => image.pull(ImageName.fromString(name)),
  };
}

async function freePorts(): Promise<Ports> {
  const taken = new Set<number>();
  const next = async (): Promise<number> => {
    const port = await freePort(taken);
    taken.add(port);
    return port;
  };
  return { kafka: await next(), registry: await next(), clickhouse: await next() };
}

/** Healthy inside is not yet reachable from here: with an engine on another machine, 127.0.0.1 is that one's. */
async function reach(env: HostEnvironment): Promise<void> {
  const answers = {
    [env.KAFKA_BROKERS]: await kafkaAnswers(env.KAFKA_BROKERS),
    [env.SCHEMA_REGISTRY_URL]: await httpAnswers(`${env.SCHEMA_REGISTRY_URL}/subjects`),
    [env.CLICKHOUSE_URL]: await httpAnswers(`${env.CLICKHOUSE_URL}/ping`),
  };
  const silent = Object.entries(answers).flatMap(([address, there]) => (there ? [] : [address]));
  if (silent.length === 0) return;
  throw new CannotStart(
    `The containers are healthy, but nothing answers from here at ${silent.join(', ')}. Is the engine on another machine (DOCKER_HOST)? Use one of this machine.`,
  );
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
