import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { LogContent, NOTHING_READ } from '../../../services/replay/log-content.js';
import type { LogRecord } from '../../../services/shared/runtime/ports.js';

function record(offset: number, fields: Partial<LogRecord> = {}): LogRecord {
  const value = Buffer.concat([Buffer.from([0, 0, 0, 0, offset % 3]), Buffer.from(`value ${String(offset)}`)]);
  return { offset: BigInt(offset), appendedAtMs: 1_700_000_000_000 + offset, key: null, value, headers: [], ...fields };
}

function contentOf(records: readonly LogRecord[], before = NOTHING_READ): ReturnType<() => LogContent['soFar']> {
  const content = new LogContent(before);
  for (const one of records) content.add(one);
  return content.soFar;
}

const SOME = Array.from({ length: 40 }, (_, i) => record(i));

describe('the content of what was read', () => {
  it('is the sum of the hashes of all records, framed', () => {
    const frame = Buffer.alloc(16);
    frame.writeBigUInt64BE(7n, 0);
    frame.writeBigInt64BE(5n, 8);
    const text = Buffer.concat([frame, Buffer.from([0, 0, 0, 1]), Buffer.from('k'), Buffer.from('ffffffff', 'hex')]);
    const only = contentOf([record(7, { appendedAtMs: 5, key: Buffer.from('k'), value: null })]);
    expect(only).toEqual({ records: 1, content: createHash('sha256').update(text).digest('hex'), schemaIds: [] });
    const sum = SOME.reduce((total, one) => total + BigInt(`0x${contentOf([one]).content}`), 0n);
    expect(contentOf(SOME).content).toBe((sum % 2n ** 256n).toString(16).padStart(64, '0'));
  });

  it('goes on where it was, whatever the parts, and names the schemas', () => {
    const whole = contentOf(SOME);
    expect(contentOf(SOME.slice(13), contentOf(SOME.slice(0, 13)))).toEqual(whole);
    expect(whole).toMatchObject({ records: 40, schemaIds: [0, 1, 2] });
  });

  it.each([
    ['another offset', { offset: 8n }],
    ['another append time', { appendedAtMs: 1 }],
    ['another key', { key: Buffer.from('') }],
    ['another value', { value: Buffer.from('') }],
    ['no value', { value: null }],
    ['a header', { headers: [{ name: '', value: null }] }],
  ])('is another with %s', (_, fields) => {
    expect(contentOf([record(7, fields)]).content).not.toBe(contentOf([record(7)]).content);
  });
});
