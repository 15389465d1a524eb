import type { Header } from '../shared/runtime/ports.js';

/** What a redriven copy carries behind the headers of its producer. */
const OURS = 'backtrail.redriven.';
export const REDRIVE_ID = `${OURS}id`;

export interface Provenance {
  readonly redriveId: string;
  /** The id of the dead letter. */
  readonly from: string;
  readonly by: string;
  readonly at: string;
}

/**
 * The headers of the copy: those of the producer, untouched and in their order, then ours. A dead letter that was a copy itself
 * has ours already, of the redrive before; these are replaced, as they are not its producer's, and `redrives` keeps them.
 */
export function copyHeaders(headers: readonly Header[], { redriveId, from, by, at }: Provenance): Header[] {
  const ours = { id: redriveId, from, by, at };
  return [
    ...headers.filter(({ name }) => !name.startsWith(OURS)),
    ...Object.entries(ours).map(([name, value]) => ({ name: `${OURS}${name}`, value: Buffer.from(value) })),
  ];
}

/** The attempt that sent a record, or null for what its producer sent. */
export function redriveIdOf(headers: readonly Header[]): string | null {
  return headers.find(({ name }) => name === REDRIVE_ID)?.value?.toString('utf8') ?? null;
}
