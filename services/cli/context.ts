import type { ExitCode } from './exit.js';

/** Where text goes. `process.stdout` and a test's buffer both fit. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** All a command may know of the outside: no command touches `process` itself. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Data, and nothing else. */
  readonly stdout: TextSink;
  /** Sentences, progress, errors. */
  readonly stderr: TextSink;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Called by a command that has said all it has to say but does not end with 0. */
  readonly endWith: (code: ExitCode) => void;
}

/** One JSON document on one line. Money and offsets are strings already; a stray bigint becomes one too. */
export function printJson(context: CliContext, value: unknown): void {
  const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  context.stdout.write(`${text}\n`);
}

/** One sentence for the person at the terminal. Never data. */
export function say(context: CliContext, sentence: string): void {
  context.stderr.write(`${sentence}\n`);
}

export type Environment = CliContext['env'];
