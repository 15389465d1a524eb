import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Wait, type WaitStrategy } from 'testcontainers';

const LINES_SHOWN = '20';

/** Until the health check that the compose file sets says yes; else an error with what became of the container. */
export class ContainerHealth implements WaitStrategy {
  readonly #check = Wait.forHealthCheck();

  async waitUntilReady(...waited: Parameters<WaitStrategy['waitUntilReady']>): Promise<void> {
    try {
      await this.#check.waitUntilReady(...waited);
    } catch (error) {
      throw new Error(await fateOf(waited[0].id), { cause: error });
    }
  }

  withStartupTimeout(limitMs: number): this {
    this.#check.withStartupTimeout(limitMs);
    return this;
  }

  isStartupTimeoutSet(): boolean {
    return this.#check.isStartupTimeoutSet();
  }

  getStartupTimeout(): number {
    return this.#check.getStartupTimeout();
  }
}

function docker(...args: string[]) {
  return promisify(execFile)('docker', args);
}

/** What a container that is of no use does, and its last words: it is about to be removed, and its log with it. */
export async function fateOf(container: string): Promise<string> {
  const inspected = await docker('inspect', '--type', 'container', container);
  const [{ Name, Config, State }] = JSON.parse(inspected.stdout) as [
    { Name: string; Config: { Image: string }; State: { Running: boolean; ExitCode: number } },
  ];
  const state = State.Running ? 'runs, but its health check fails' : `has ended with exit code ${State.ExitCode}`;
  const { stdout, stderr } = await docker('logs', '--tail', LINES_SHOWN, container);
  return `${Name.slice(1)}, of the image ${Config.Image}, ${state}. Its last words:\n${`${stdout}${stderr}`.trim()}`;
}
