import { randomBytes } from 'node:crypto';
import { createGzip, gunzipSync, gzipSync } from 'node:zlib';

import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Codec, gzipCodec, native, registerCodecs } from '../../../services/shared/kafka/codecs.js';
import { translateKafka } from '../../../services/shared/kafka/kafka-error.js';
import { decodeSnappy } from '../../../services/shared/kafka/snappy-frames.js';

const text = Buffer.from('settled on a flagged release '.repeat(5_000));

function codec(type: keyof typeof CompressionCodecs): Codec {
  return CompressionCodecs[type]() as Codec;
}

beforeAll(registerCodecs);

describe('gzip', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['text', text],
    ['a chunk to the byte', randomBytes(1024)],
    ['more than the largest chunk', Buffer.alloc(40 * 1024 * 1024, 'ab')],
  ])('gives back %s', async (_name, bytes) => {
    const inflated = await gzipCodec.decompress(await gzipCodec.compress({ buffer: bytes }));
    expect(inflated.equals(bytes)).toBe(true);
  });

  it('does not rest on the size that the last bytes claim', async () => {
    // Two members after each other: the last bytes tell the size of the second alone.
    const members = Buffer.concat([gzipSync(text), gzipSync(Buffer.from('end'))]);
    expect((await gzipCodec.decompress(members)).length).toBe(text.length + 3);
  });

  it('is understood by others', async () => {
    expect(gunzipSync(await gzipCodec.compress({ buffer: text })).equals(text)).toBe(true);
  });

  it('fails on bytes that are not gzip, without a throw outside its promise', async () => {
    await expect(gzipCodec.decompress(Buffer.from('no'))).rejects.toThrow();
    await expect(gzipCodec.decompress(gzipSync(text).subarray(0, 50))).rejects.toThrow();
  });

  it('refuses a batch that inflates to more than memory should hold', async () => {
    const bomb = createGzip();
    const parts: Buffer[] = [];
    bomb.on('data', (part: Buffer) => parts.push(part));
    const ended = new Promise((resolve) => bomb.on('end', resolve));
    const megabyte = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 257; i += 1) bomb.write(megabyte);
    bomb.end();
    await ended;
    await expect(gzipCodec.decompress(Buffer.concat(parts))).rejects.toThrow(/larger than/);
  });
});

describe('snappy', () => {
  it('is written bare and read bare', async () => {
    const snappy = codec(CompressionTypes.Snappy);
    expect((await snappy.decompress(await snappy.compress({ buffer: text }))).equals(text)).toBe(true);
  });

  it("is read in the frames of Java's producers", async () => {
    const snappy = codec(CompressionTypes.Snappy);
    const magic = Buffer.from('82534e41505059000000000100000001', 'hex');
    const blocks = await Promise.all(
      [text.subarray(0, 1000), text.subarray(1000)].map(async (part) => {
        const block = await snappy.compress({ buffer: part });
        const length = Buffer.alloc(4);
        length.writeUInt32BE(block.length);
        return Buffer.concat([length, block]);
      }),
    );
    const framed = Buffer.concat([magic, ...blocks]);
    expect((await snappy.decompress(framed)).equals(text)).toBe(true);
    await expect(snappy.decompress(framed.subarray(0, framed.length - 1))).rejects.toThrow('ends after its batch');
  });

  it('has frames without blocks', () => {
    const magic = Buffer.from('82534e41505059000000000100000001', 'hex');
    expect(decodeSnappy(magic, (block) => block).length).toBe(0);
  });
});

describe('lz4', () => {
  it('is written and read in frames', async () => {
    const lz4 = codec(CompressionTypes.LZ4);
    const framed = await lz4.compress({ buffer: text });
    expect(framed.readUInt32LE(0)).toBe(0x184d2204);
    expect((await lz4.decompress(framed)).equals(text)).toBe(true);
  });
});

describe('zstd', () => {
  const zstd = (): Codec => codec(CompressionTypes.ZSTD);

  it('is not written: a producer that asks for it is told', async () => {
    await expect(zstd().compress({ buffer: text })).rejects.toThrow('use gzip');
  });

  it('is read from streams that do not tell their size, as Java writes them', async () => {
    const frame = '28b52ffd00582d0100e8736574746c6564206f6e206120666c61676765642072656c656173652001000900553901';
    const expected = 'settled on a flagged release '.repeat(10);
    expect((await zstd().decompress(Buffer.from(frame, 'hex'))).toString()).toBe(expected);
  });
});

describe('a codec whose package is missing on this platform', () => {
  it('names the package, and is an error that stops instead of one that is tried again for ever', async () => {
    const load = (): Promise<never> => Promise.reject(new Error('no binding'));
    const error: unknown = await native('lz4-napi', load).catch((caught: unknown) => caught);
    expect(translateKafka(error)).toMatchObject({
      code: 'KAFKA_REFUSED',
      message: expect.stringMatching(/lz4-napi.*no binding/) as string,
    });
  });
});
