import { EXIT } from '../services/cli/exit.js';

/** What the tools of the tests have in common as programs. */

export function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

/** Aborts when the user ends the program. */
export function interruption(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      ending.abort();
    });
  }
  return ending.signal;
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
