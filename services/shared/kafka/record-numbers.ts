import { createRequire } from 'node:module';

interface LongClass {
  new (value: bigint): { readonly value: bigint };
  fromString(this: LongClass, text: string): { readonly value: bigint };
}
interface DecoderClass {
  readonly prototype: { readVarLong: unknown };
}
interface Decoder {
  readonly buffer: Uint8Array;
  offset: number;
}

const LONG_MODULE = 'kafkajs/src/utils/long.js';
const DECODER_MODULE = 'kafkajs/src/protocol/decoder.js';
const SMALL_MAX = 1024;
/** So many bytes of seven bits fit into what bitwise operators take. */
const SMALL_BYTES = 4;
let quickened = false;

/**
 * Of every record kafkajs computes the time and the offset by BigInt, a byte and a string at a time: as long as all else
 * that it does for a record. Deltas are small and the records of a batch begin at one offset, so small numbers are kept,
 * and so is the last text that was read. Throws if kafkajs is no longer built like that.
 */
export function quickenRecordNumbers(): void {
  if (quickened) return;
  const require = createRequire(import.meta.url);
  const Long = require(LONG_MODULE) as LongClass;
  const { prototype } = require(DECODER_MODULE) as DecoderClass;
  const originalRead: unknown = prototype.readVarLong;
  // Taken off its class only to be called on it again.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const originalFrom: unknown = Long.fromString;
  if (typeof originalRead !== 'function' || typeof originalFrom !== 'function') {
    throw new Error('this version of kafkajs reads numbers in another way: see whether it still takes that long');
  }
  const small = Array.from({ length: SMALL_MAX }, (_, i) => new Long(BigInt((i >>> 1) ^ -(i & 1))));
  prototype.readVarLong = function readVarLong(this: Decoder): unknown {
    const { buffer, offset } = this;
    let zigzag = 0;
    for (let i = 0; i < SMALL_BYTES; i += 1) {
      const byte = buffer[offset + i] as number;
      zigzag |= (byte & 0x7f) << (7 * i);
      if (byte >= 0x80) continue;
      this.offset = offset + i + 1;
      return small[zigzag] ?? new Long(BigInt((zigzag >>> 1) ^ -(zigzag & 1)));
    }
    return originalRead.call(this) as unknown;
  };
  let lastText = '0';
  let lastLong = new Long(0n);
  Long.fromString = function fromString(text): { readonly value: bigint } {
    if (text !== lastText) {
      lastLong = originalFrom.call(this, text) as { readonly value: bigint };
      lastText = text;
    }
    return lastLong;
  };
  quickened = true;
}
