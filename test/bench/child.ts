import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One that does not hear is not waited for longer than this. */
const STOP_LIMIT_MS = 20_000;

/** A process that says in lines how far it is. */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: { readonly wanted: (line: string) => boolean; readonly found: (line: string) => void }[] = [];
  readonly #ended: Promise<void>;

  /** It is asked to end when the signal aborts; whoever started it stops it all the same, to see it end. */
  constructor(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv, ending?: AbortSignal) {
    const [program, ...args] = command;
    this.#process = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.#process.pid ?? 0;
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream !== null)
        createInterface(stream).on('line', (line) => {
          this.#heard(line);
        });
    }
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', () => {
        resolve();
      });
    });
    const end = (): void => {
      this.#process.kill('SIGTERM');
    };
    ending?.addEventListener('abort', end, { once: true });
    void this.#ended.then(() => {
      ending?.removeEventListener('abort', end);
    });
  }

  /** The first line that is wanted, also of those that came before. Rejects if the process ends without one. */
  async line(wanted: (line: string) => boolean): Promise<string> {
    const known = this.#lines.find(wanted);
    if (known !== undefined) return known;
    const found = new Promise<string>((resolve) => this.#waiting.push({ wanted, found: resolve }));
    const ended = this.#ended.then(() => Promise.reject(new Error(`it ended:\n${this.#lines.slice(-5).join('\n')}`)));
    return Promise.race([found, ended]);
  }

  async stop(): Promise<void> {
    const killing = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS);
    this.#process.kill('SIGTERM');
    await this.#ended;
    clearTimeout(killing);
  }

  #heard(line: string): void {
    this.#lines.push(line);
    for (const { wanted, found } of this.#waiting) if (wanted(line)) found(line);
  }
}
