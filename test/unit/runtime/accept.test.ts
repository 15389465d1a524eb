import { describe, expect, it } from 'vitest';

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
  const one = record(1n);
  const batch = batchOf([one], 2n);

  it('ends after the time, and only while the registry answers that it does not know it', async () => {
    const impatient = timedPatience(() => Promise.resolve('unknown'), 0);
    expect(await impatient(one, batch, 'unknown')).toMatchObject({ code: 'SCHEMA_UNKNOWN' });
    const patient = timedPatience(() => Promise.resolve('unknown'), 60_000);
    expect(await patient(one, batch, 'unknown')).toBeNull();
  });

  it('has no end while the registry is away', async () => {
    const patience = timedPatience(() => Promise.resolve('unreachable'), 0);
    await expect(patience(one, batch, 'away')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
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
