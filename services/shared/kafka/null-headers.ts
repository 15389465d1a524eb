import { createRequire } from 'node:module';

interface EncoderClass {
  readonly prototype: { writeVarIntBytes(value: Buffer | null): unknown };
}

/** Stands for a header value that is null: kafkajs can read one, but fails when it measures one to write it. */
export const NULL_HEADER_VALUE = Buffer.alloc(0);

const ENCODER_MODULE = 'kafkajs/src/protocol/encoder.js';
let allowed = false;

/**
 * Lets NULL_HEADER_VALUE be written as null, so that a dead letter keeps its headers as they were. It is measured as
 * no bytes after a length of one byte, which is what null takes too.
 */
export function allowNullHeaders(): void {
  if (allowed) return;
  const { prototype } = createRequire(import.meta.url)(ENCODER_MODULE) as EncoderClass;
  // Taken off its encoder only to be called on one again.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const original = prototype.writeVarIntBytes as unknown;
  if (typeof original !== 'function') {
    throw new Error('this version of kafkajs has another encoder: see whether header values may be null now');
  }
  const write = original as (value: Buffer | null) => unknown;
  prototype.writeVarIntBytes = function writeVarIntBytes(value): unknown {
    return write.call(this, value === NULL_HEADER_VALUE ? null : value);
  };
  allowed = true;
}
