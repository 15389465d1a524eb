import { amendKafkajs } from './amend.js';

/** Stands for a header value that is null: kafkajs can read one, but fails when it measures one to write it. */
export const NULL_HEADER_VALUE = Buffer.alloc(0);

/**
 * Lets NULL_HEADER_VALUE be written as null, so that a dead letter keeps its headers as they were. It is measured as
 * no bytes after a length of one byte, which is what null takes too.
 */
export function allowNullHeaders(): void {
  amendKafkajs<object, (this: object, value: Buffer | null) => unknown>({
    module: 'protocol/encoder.js',
    method: 'writeVarIntBytes',
    as: (original) =>
      function (this: object, value): unknown {
        return original.call(this, value === NULL_HEADER_VALUE ? null : value);
      },
    see: 'whether header values may be null now',
  });
}
