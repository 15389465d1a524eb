import type { Patience } from '../shared/runtime/patience.js';
import { say, type CliContext } from './context.js';

/** An outage is waited out until Ctrl-C, and said once. */
export function patienceOf(context: CliContext): Patience {
  return {
    signal: context.signal,
    say: (sentence) => {
      say(context, sentence);
    },
  };
}
