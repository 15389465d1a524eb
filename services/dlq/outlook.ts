import type { Stream } from '../shared/core/record.js';
import { refusal } from '../shared/core/validate.js';
import { valueDecoder } from '../shared/kafka/decode.js';
import type { SchemaSource } from '../shared/kafka/registry.js';

/** What would become of a value if it came now, by the same functions that the services judge with. */
export type Outlook =
  | { readonly kind: 'applied' }
  | { readonly kind: 'dead'; readonly code: string; readonly reason: string }
  /** Its schema cannot be had: the service would wait for it, and its partition with it. */
  | { readonly kind: 'waits'; readonly reason: string };

/** Judges values of a stream. */
export function judge(stream: Stream, source: SchemaSource): (value: Buffer | null, nowMs: number) => Promise<Outlook> {
  const decoder = valueDecoder(stream, source);
  return async (value, nowMs) => {
    await decoder.prepare([value]);
    const decoded = decoder.decode(value);
    if ('wait' in decoded) return { kind: 'waits', reason: decoded.wait.reason };
    if ('refused' in decoded) return { kind: 'dead', ...decoded.refused };
    const refused = refusal(stream, decoded.ok, nowMs);
    return refused === null ? { kind: 'applied' } : { kind: 'dead', ...refused };
  };
}

/** The field that a reason names, or null. Reasons are sentences for people, and begin or end with the field. */
export function fieldIn(reason: string): string | null {
  const told = reason.replace(/^not a record of schema \d+: /, '');
  const match = /^([a-z_]+(?:\.[a-z_]+)?) (?:is|has|sums) /.exec(told) ?? /^[A-Z_]+ without ([a-z_]+)$/.exec(told);
  return match?.[1] ?? null;
}
