import { promisify } from 'node:util';
import { constants, gunzipSync, gzip } from 'node:zlib';

import { decompress } from 'fzstd';
import kafkajs from 'kafkajs';

import { decodeSnappy } from './snappy-frames.js';

// Names that Node does not find in a CommonJS package by itself.
const { CompressionCodecs, CompressionTypes, KafkaJSNonRetriableError } = kafkajs;

/** What kafkajs asks of a codec. `compress` gets its encoder, `decompress` the bytes of one record batch. */
export interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

const gzipAsync = promisify(gzip);
const ISIZE_BYTES = 4;
const CHUNK_MIN_BYTES = 1024;
// Brokers take batches of 1 MB as a rule; what is said to be larger than this grows piece by piece.
const CHUNK_MAX_BYTES = 32 * 1024 * 1024;
// A batch that inflates to more than this is an attack or a mistake: better an error than a process without memory.
const INFLATED_MAX_BYTES = 256 * 1024 * 1024;

/**
 * Inflates in one synchronous step into one buffer, instead of 16 KiB steps through the thread pool: 2 us less for each
 * record. gzip's last four bytes give the size, modulo 2^32, and may be wrong: they are a hint, nothing rests on them.
 */
export const gzipCodec: Codec = {
  compress: (encoder) => gzipAsync(encoder.buffer, { level: constants.Z_BEST_SPEED }),
  // kafkajs awaits the result; an async function turns a throw into a rejection.
  // eslint-disable-next-line @typescript-eslint/require-await
  decompress: async (bytes) => {
    const said = bytes.length < ISIZE_BYTES ? 0 : bytes.readUInt32LE(bytes.length - ISIZE_BYTES);
    // One byte to spare: a buffer that is filled to the last byte makes zlib allocate a second one.
    const chunkSize = Math.min(Math.max(said + 1, CHUNK_MIN_BYTES), CHUNK_MAX_BYTES);
    return gunzipSync(bytes, { chunkSize, maxOutputLength: INFLATED_MAX_BYTES });
  },
};

const snappyCodec: Codec = {
  compress: async (encoder) => (await native('snappy', () => import('snappy'))).compress(encoder.buffer),
  decompress: async (bytes) => {
    const snappy = await native('snappy', () => import('snappy'));
    return decodeSnappy(bytes, (block) => snappy.uncompressSync(block) as Buffer);
  },
};

const lz4Codec: Codec = {
  compress: async (encoder) => (await native('lz4-napi', () => import('lz4-napi'))).compressFrame(encoder.buffer),
  decompress: async (bytes) => (await native('lz4-napi', () => import('lz4-napi'))).decompressFrame(bytes),
};

/** Read only: of what others may have sent. We send gzip, and this decoder runs on every platform without a compiler. */
const zstdCodec: Codec = {
  compress: () => Promise.reject(new KafkaJSNonRetriableError('batches are not written in zstd: use gzip')),
  // kafkajs awaits the result; an async function turns a throw into a rejection.
  // eslint-disable-next-line @typescript-eslint/require-await
  decompress: async (bytes) => {
    const inflated = decompress(bytes);
    return Buffer.from(inflated.buffer, inflated.byteOffset, inflated.byteLength);
  },
};

/** Native packages are compiled or fetched for each platform, and on some there is none. */
export async function native<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const advice = `the package ${name} cannot be loaded, and a record batch is compressed with it`;
    throw new KafkaJSNonRetriableError(`${advice}: install it for this platform (${message})`);
  }
}

/**
 * Codecs of all producers there may be: a batch in one that is not registered is an endless loop of crashes. The native
 * ones are loaded when the first batch needs them.
 */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = () => gzipCodec;
  CompressionCodecs[CompressionTypes.Snappy] = () => snappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}
