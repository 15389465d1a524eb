import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseTrailLine, readTrailFile, trailLine } from '../../../services/cli/trail-file.js';
import type { TrailRecord } from '../../../services/demo/sending.js';
import { generateTraffic } from '../../../services/demo/traffic.js';

const folder = mkdtempSync(join(tmpdir(), 'backtrail-trail-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function read(text: string | Buffer): Promise<TrailRecord[]> {
  const file = join(folder, 'trail.jsonl');
  writeFileSync(file, text);
  const records: TrailRecord[] = [];
  for await (const record of readTrailFile(file)) records.push(record);
  return records;
}

const INFERENCE = {
  topic: 'inferences',
  event_id: 'e1',
  occurred_at: '2026-03-10T10:05:00.000Z',
  source: 's',
  inference_id: 'i1',
  model_id: 'm',
};
const PAYMENT =
  '"event_id":"e","occurred_at":1773137100000000,"source":"s","payment_id":"p","state":"SETTLED","asset":"OPG","network":"n","payer":"a","payee":"b"';

describe('a trail file', () => {
  it('gives back every record of the demo, with every digit and microsecond', async () => {
    const { records } = generateTraffic({ events: 1500, seed: 3, startMs: Date.UTC(2026, 2, 10) });
    const exact = records.map((item, i) => ({
      ...item,
      record: { ...item.record, occurred_at: item.record.occurred_at + i },
    }));
    expect(await read(exact.map((item) => `${trailLine(item as TrailRecord)}\n`).join(''))).toEqual(exact);
  });

  it('takes the short and the full name of a topic, and fills what is missing', () => {
    const short = parseTrailLine(JSON.stringify(INFERENCE), 'f:1');
    const full = parseTrailLine(JSON.stringify({ ...INFERENCE, topic: 'opengradient.inferences.v1' }), 'f:1');
    expect(full).toEqual(short);
    expect(short.record).toMatchObject({ release: null, cost: null, occurred_at: 1_773_137_100_000_000 });
  });

  it.each([
    ['2026-03-10T10:05:00.123456Z', 1_773_137_100_123_456],
    ['2026-03-10T12:05:00+02:00', 1_773_137_100_000_000],
    ['2026-03-10', 1_773_100_800_000_000],
    ['1773137100000001', 1_773_137_100_000_001],
  ])('reads the time %s', (occurred_at, micros) => {
    expect(parseTrailLine(JSON.stringify({ ...INFERENCE, occurred_at }), 'f:1').record.occurred_at).toBe(micros);
  });

  it.each([
    ['"115792089237316195423570985008687907853269984665640564039457584007913129639935"'],
    ['115792089237316195423570985008687907853269984665640564039457584007913129639935'],
    ['1000000000000000001'],
    ['7'],
    ['-1'],
    ['"0.5"'],
  ])('keeps every digit of the amount %s, also of one that is to be refused later', (amount) => {
    const line = `{"topic":"payments",${PAYMENT},"amount":${amount},"allocations":[{"inference_id":"1234567890123456789","amount":${amount}}]}`;
    const { record } = parseTrailLine(line, 'f:1');
    const text = amount.replaceAll('"', '');
    expect(record).toMatchObject({
      amount: text,
      allocations: [{ inference_id: '1234567890123456789', amount: text }],
    });
  });

  it('passes over empty lines, Windows line ends and a byte order mark', async () => {
    const line = JSON.stringify(INFERENCE);
    expect(await read(`\ufeff${line}\r\n\r\n  \n${line}`)).toHaveLength(2);
  });

  it.each([
    ['no JSON', '{"topic":', /trail\.jsonl:2: not JSON/],
    ['a list', '[1]', /trail\.jsonl:2: not a JSON object/],
    ['no topic', '{}', /trail\.jsonl:2: topic is missing/],
    ['a topic of others', '{"topic":"orders"}', /trail\.jsonl:2: topic orders is none of releases, inferences/],
    ['a field that nobody knows', JSON.stringify({ ...INFERENCE, relaese: 'v1' }), /:2: relaese is not a field/],
    ['a field missing', JSON.stringify({ ...INFERENCE, model_id: undefined }), /:2: model_id is missing/],
    ['no time', JSON.stringify({ ...INFERENCE, occurred_at: '10 o’clock' }), /:2: occurred_at is not a time/],
    [
      'a day that does not exist',
      JSON.stringify({ ...INFERENCE, occurred_at: '2026-02-30' }),
      /occurred_at is not a time/,
    ],
    [
      'an unknown state',
      `{"topic":"payments",${PAYMENT.replace('SETTLED', 'PAID')},"amount":1}`,
      /:2: state is none of AUTHORISED/,
    ],
    ['an object for a text', JSON.stringify({ ...INFERENCE, source: {} }), /:2: source is not a text/],
  ])('names file, line and field of %s, as bad input', async (_name, line, message) => {
    await expect(read(`${JSON.stringify(INFERENCE)}\n${line}\n`)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['nowhere.jsonl', /nowhere\.jsonl: no such file/],
    ['.', /is a folder/],
  ])('says why %s cannot be opened', async (name, message) => {
    const reading = readTrailFile(join(folder, name)).next();
    await expect(reading).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) as string });
  });
});
