import type { Environment, TextSink } from './context.js';

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (colour: Colour, text: string) => string;

const CODES: Record<Colour, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export const plain: Paint = (_colour, text) => text;

/** Colours only on a terminal, and never with NO_COLOR (https://no-color.org: any non-empty value) or a dumb terminal. */
export function painter(sink: TextSink, env: Environment): Paint {
  if (sink.isTTY !== true || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return plain;
  return (colour, text) => {
    const [open, close] = CODES[colour];
    return `\u001b[${String(open)}m${text}\u001b[${String(close)}m`;
  };
}
