import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';

/**
 * What keeps containers from being started here, each as a sentence that says what to do. Decided by exit codes and codes of
 * errors, never by the text of a program that may be of any version and language.
 */

const DEFAULT_HOST = 'unix:///var/run/docker.sock';
const ANSWER_LIMIT_MS = 5000;

type Env = Readonly<Record<string, string | undefined>>;

/** The part of testcontainers' client that is needed here. */
export interface Images {
  exists(image: string): Promise<boolean>;
  pull(image: string): Promise<void>;
}

/** Why no engine was found: asked after testcontainers, which looks in more places and keeps its reasons to itself. */
export async function engineProblem(env: Env): Promise<string> {
  const host = env['DOCKER_HOST'] ?? DEFAULT_HOST;
  return engineSentence(await codeOfConnecting(host), host);
}

export function engineSentence(code: string, host: string): string {
  const socket = host.replace(/^unix:\/\//, '');
  if (code === 'ENOENT') {
    return `Docker is missing: there is no socket ${socket}. Install Docker Engine with its Compose plugin and start it, or name your engine in DOCKER_HOST.`;
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `You may not use Docker: its socket ${socket} is not yours. Join the group that owns it (\`sudo usermod -aG docker $USER\`, then log in again), or name an engine in DOCKER_HOST that you may use.`;
  }
  if (code === 'ECONNREFUSED') {
    return `Docker is not running: nothing listens at ${host}. Start it (\`sudo systemctl start docker\`), or name another engine in DOCKER_HOST.`;
  }
  return `Docker does not answer at ${host} (${code}). Start it, or name another engine in DOCKER_HOST.`;
}

async function codeOfConnecting(host: string): Promise<string> {
  const address = host.startsWith('unix://') ? { path: host.slice('unix://'.length) } : tcpAddress(host);
  if (address === null) return 'an address of a kind that is not known here';
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout: ANSWER_LIMIT_MS });
    const end = (code: string): void => {
      socket.destroy();
      resolve(code);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => {
      end(error.code ?? error.message);
    });
    socket.once('timeout', () => {
      end('ETIMEDOUT');
    });
    socket.once('connect', () => {
      end('something else listens there');
    });
  });
}

function tcpAddress(host: string): { host: string; port: number } | null {
  if (!/^(tcp|https?):\/\//.test(host) || !URL.canParse(host)) return null;
  const { hostname, port } = new URL(host);
  return { host: hostname, port: Number(port === '' ? '2375' : port) };
}

/** Testcontainers starts the services by `docker compose`, so both the command and its plugin must be there. */
export async function composeProblem(env: Env): Promise<string | null> {
  try {
    await promisify(execFile)('docker', ['compose', 'version'], { env: { ...env } });
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return `The command \`docker\` is missing: an engine answers, but its services are started by \`docker compose\`. Install Docker's command line and its Compose plugin.`;
    }
    return `Docker's Compose plugin is missing: \`docker compose version\` fails. Install it (package docker-compose-plugin, or docker-compose-v2).`;
  }
}

/** One sentence for each image that is neither here nor to be had. */
export async function imageProblems(
  images: Images,
  wanted: readonly string[],
  say: (line: string) => void,
): Promise<string[]> {
  const problems: string[] = [];
  for (const image of wanted) {
    if (await images.exists(image)) continue;
    say(`fetching the image ${image}`);
    const reason = await images.pull(image).then(
      () => 'it is still not here afterwards',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (await images.exists(image)) continue;
    problems.push(
      `The image ${image} is not here and could not be fetched: ${reason.trim()}. See that its registry can be reached, or load it by \`docker load\`.`,
    );
  }
  return problems;
}
