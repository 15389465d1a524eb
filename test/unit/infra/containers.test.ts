import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { composeServices, hostEnvironment, portVariables } from '../../compose-file.js';
import containers from '../../containers.config.js';
import { composeProblem, engineProblem, engineSentence, imageProblems, type Images } from '../../docker-problems.js';
import { loadConfig } from '../../../services/shared/config.js';
import { packageRoot } from '../../../services/shared/package-root.js';
import { STACK_TESTS } from '../../../vitest.config.js';

const PORTS = { kafka: 20_001, registry: 20_002, clickhouse: 20_003 };
const folder = mkdtempSync(join(tmpdir(), 'backtrail-docker-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('npm run test:containers', () => {
  it('starts services that docker-compose.yml has, from its images, and publishes them by its variables', () => {
    const services = composeServices();
    const variables = Object.keys(portVariables(PORTS));
    const published = (['kafka', 'registry', 'clickhouse'] as const).map((name) => services[name]);
    expect(published.map((service) => service?.image).filter((image) => image?.includes(':'))).toHaveLength(3);
    for (const [i, name] of variables.entries()) expect(JSON.stringify(published[i])).toContain(`\${${name}:-`);
  });

  it('tells the tests what docker-compose.yml tells the services, with the addresses of this machine', () => {
    const env = hostEnvironment(composeServices(), PORTS);
    expect(env).toEqual({
      KAFKA_BROKERS: '127.0.0.1:20001',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:20002/apis/ccompat/v7',
      CLICKHOUSE_URL: 'http://127.0.0.1:20003',
      CLICKHOUSE_USER: 'backtrail',
      CLICKHOUSE_PASSWORD: 'backtrail',
    });
    expect(() => loadConfig(env)).not.toThrow();
  });

  it('runs what the project `stack` runs, save for the tests of a server that is in no image', () => {
    const { include, exclude } = (containers as { test: typeof STACK_TESTS }).test;
    expect(include).toEqual(STACK_TESTS.include);
    expect(exclude).toEqual([...STACK_TESTS.exclude, 'test/integration/clickhouse-http*.test.ts']);
  });

  it('finds no test that names the shared servers without their user and password', () => {
    const folders = ['integration', 'faults'].map((name) => join(packageRoot(), 'test', name));
    const bare = folders.flatMap((from) =>
      readdirSync(from).filter((file) => {
        const text = readFileSync(join(from, file), 'utf8');
        return text.includes("inject('endpoints')") && text.includes('SCHEMA_REGISTRY_URL: ');
      }),
    );
    expect(bare.filter((file) => !file.startsWith('embedded'))).toEqual(['servers.fixture.ts']);
  });
});

describe('where containers cannot be started, one sentence says why and what to do', () => {
  it('no socket', async () => {
    const problem = await engineProblem({ DOCKER_HOST: `unix://${folder}/none.sock` });
    expect(problem).toContain(`there is no socket ${folder}/none.sock`);
  });

  it('a socket that nobody listens on', async () => {
    const socket = join(folder, 'left.sock');
    writeFileSync(socket, '');
    expect(await engineProblem({ DOCKER_HOST: `unix://${socket}` })).toContain('Docker is not running');
    expect(await engineProblem({ DOCKER_HOST: 'tcp://127.0.0.1:1' })).toContain('nothing listens at tcp://127.0.0.1:1');
  });

  it('something else behind the socket', async () => {
    const socket = join(folder, 'other.sock');
    const server = createServer().listen(socket);
    expect(await engineProblem({ DOCKER_HOST: `unix://${socket}` })).toContain('something else listens there');
    server.close();
  });

  it('a socket of others', () => {
    expect(engineSentence('EACCES', 'unix:///var/run/docker.sock')).toMatch(
      /^You may not use Docker: its socket \/var\/run\/docker\.sock/,
    );
  });

  it('an address of an unknown kind', async () => {
    expect(await engineProblem({ DOCKER_HOST: 'ssh://me@there' })).toContain('does not answer at ssh://me@there');
  });

  it('no command, no Compose plugin', async () => {
    expect(await composeProblem({ PATH: folder })).toContain('The command `docker` is missing');
    for (const [code, problem] of [
      [1, "Docker's Compose plugin is missing"],
      [0, null],
    ] as const) {
      writeFileSync(join(folder, 'docker'), `#!/bin/sh\nexit ${code}\n`);
      chmodSync(join(folder, 'docker'), 0o755);
      const found = await composeProblem({ PATH: folder });
      if (problem === null) expect(found).toBeNull();
      else expect(found).toContain(problem);
    }
  });

  it('images: each that is neither here nor to be had is named; what can be fetched is fetched', async () => {
    const here = new Set(['a:1']);
    const images: Images = {
      exists: (image) => Promise.resolve(here.has(image)),
      pull: (image) => {
        if (image === 'c:1') return Promise.reject(new Error('no such host'));
        if (image === 'b:1') here.add(image);
        return Promise.resolve();
      },
    };
    const said: string[] = [];
    const problems = await imageProblems(images, ['a:1', 'b:1', 'c:1', 'd:1'], (line) => said.push(line));
    expect(said).toEqual(['b:1', 'c:1', 'd:1'].map((image) => `fetching the image ${image}`));
    expect(problems).toEqual([
      expect.stringMatching(/^The image c:1 is not here and could not be fetched: no such host\. /),
      expect.stringMatching(/^The image d:1 is not here and could not be fetched: it is still not here/),
    ]);
  });
});
