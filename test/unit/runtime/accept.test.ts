import { describe, expect, it } from 'vitest';

import { now, sleep } from '../../../services/shared/clock.js';
import { timedPatience } from '../../../services/shared/runtime/accept.js';
import { deadLetterRecord, deadLetterRow } from '../../../services/shared/runtime/dead-letters.js';
import { gapsIn } from '../../../services/shared/runtime/gaps.js';
import type { Batch, LogRecord } from '../../../services/shared/runtime/ports.js';

function record(offset: bigint, fields: Partial<LogRecord> = {}): LogRecord {
  return { offset, appendedAtMs: 1, key: null, value: Buffer.from([0, 0, 0, 0, 7]), headers: [], ...fields };
}

function batchOf(records: LogRecord[], nextOffset: bigint): Batch {
  return { topic: 't', partition: 0, records, nextOffset, endOffset: nextOffset };
}

describe('patience with a schema id', () => {
  const WAIT_MS = 40;
  const missing = (id: number, appendedAtMs = now()) =>
    record(1n, { value: Buffer.from([0, 0, 0, 0, id]), appendedAtMs });
  const batch = batchOf([], 2n);
  const unknown = { reason: 'unknown', answered: true };

  it('ends after the time', async () => {
    const patience = timedPatience(WAIT_MS);
    const one = missing(7);
    expect(await patience(one, batch, unknown)).toBeNull();
    await sleep(WAIT_MS + 5);
    expect(await patience(one, batch, unknown)).toEqual({ record: one, code: 'SCHEMA_UNKNOWN', reason: 'unknown' });
  });

  it('ends after the time also when the clock of the broker is ahead', async () => {
    const patience = timedPatience(WAIT_MS);
    const one = missing(7, now() + 60_000);
    expect(await patience(one, batch, unknown)).toBeNull();
    await sleep(WAIT_MS + 5);
    expect(await patience(one, batch, unknown)).not.toBeNull();
  });

  it('is had with many at once, and with a new record anew', async () => {
    const patience = timedPatience(WAIT_MS);
    const [first, second] = [missing(7), missing(8)];
    expect(await patience(first, batch, unknown)).toBeNull();
    await sleep(WAIT_MS + 5);
    expect(await patience(first, batch, unknown)).not.toBeNull();
    expect(await patience(second, batch, unknown)).not.toBeNull();
    expect(await patience(missing(9, now() + 1_000), batch, unknown)).toBeNull();
  });

  it('has no end while the registry is away, and begins anew when it is back', async () => {
    const patience = timedPatience(WAIT_MS);
    const [first, second] = [missing(7), missing(8)];
    expect(await patience(first, batch, unknown)).toBeNull();
    await sleep(WAIT_MS + 5);
    const away = () => patience(first, batch, { reason: 'away', answered: false });
    expect(away).toThrow(expect.objectContaining({ code: 'REGISTRY_UNREACHABLE' }) as Error);
    expect(await patience(second, batch, unknown)).toBeNull();
  });
});

describe('a dead letter', () => {
  const headers = [
    { name: 'trace', value: Buffer.from([0xff]) },
    { name: 'none', value: null },
  ];
  const refused = {
    record: record(41n, { key: Buffer.from('k'), headers }),
    code: 'INVALID_ID',
    reason: 'why',
  } as const;
  const origin = { service: 'inference', topic: 'in', partition: 3 };

  it('keeps key, value and headers, and has its context behind them', () => {
    const { key, value, headers: sent = [] } = deadLetterRecord(refused, origin);
    expect([key, value, sent.slice(0, 2)]).toEqual([refused.record.key, refused.record.value, headers]);
    expect(Object.fromEntries(sent.slice(2).map((one) => [one.name, String(one.value)]))).toEqual({
      '__connect.errors.topic': 'in',
      '__connect.errors.partition': '3',
      '__connect.errors.offset': '41',
      '__connect.errors.connector.name': 'backtrail.inference',
      '__connect.errors.stage': 'TRANSFORMATION',
      '__connect.errors.class.name': 'backtrail',
      '__connect.errors.exception.class.name': 'INVALID_ID',
      '__connect.errors.exception.message': 'why',
    });
  });

  it('is a row with its bytes', () => {
    expect(deadLetterRow(refused, origin)).toMatchObject({
      offset: '41',
      key_base64: 'aw==',
      headers_base64: [
        { name: 'trace', value: '/w==' },
        { name: 'none', value: null },
      ],
    });
  });
});

describe('gaps of a batch', () => {
  it.each([
    ['none when offsets follow each other', [5n, 6n], 7n, []],
    ['before, between and behind', [6n, 8n], 10n, ['5-6', '7-8', '9-10']],
    ['all of a batch of markers', [], 8n, ['5-8']],
    ['none for what is delivered again', [3n, 4n, 5n], 6n, []],
  ])('are %s', (_name, offsets, nextOffset, gaps) => {
    const batch = batchOf(
      offsets.map((offset) => record(offset)),
      nextOffset,
    );
    expect(gapsIn(batch, { readOffset: 5n, appliedUntilMs: 0 }).map(({ from, to }) => `${from}-${to}`)).toEqual(gaps);
  });
});
