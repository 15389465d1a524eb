import { EXIT } from '../services/cli/exit.js';

/** What the tools of the tests have in common as programs. */

export function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

/** Aborts when the user ends the program, by a key or by closing the terminal. A second time ends it at once. */
export function interruption(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      ending.abort();
    });
  }
  return ending.signal;
}

/**
 * Runs what the program is for, and gives its exit code. Who is ended by the user puts all things away first, the processes it
 * started above all; what it throws on the way there is no failure.
 */
export async function toItsEnd(work: (ending: AbortSignal) => Promise<void>): Promise<number> {
  const ending = interruption();
  try {
    await work(ending);
  } catch (error) {
    if (!ending.aborted) throw error;
  }
  return ending.aborted ? EXIT.interrupted : EXIT.ok;
}

/** The options of this run; or the code to exit with, when only help was wanted or they are wrong. */
export function optionsOr<T extends object>(parse: (args: readonly string[]) => T | null, usage: string): T | number {
  try {
    const options = parse(process.argv.slice(2));
    if (options !== null) return options;
    process.stdout.write(`${usage}\n`);
    return EXIT.ok;
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return EXIT.usage;
  }
}

/** @throws Error with a sentence for the user */
export function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option} is a whole number, not ${text}`);
  return Number(text);
}
