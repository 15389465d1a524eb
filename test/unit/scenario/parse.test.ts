import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coreEngine } from '../../../services/scenario/core-engine.js';
import { parseScenario, ScenarioError } from '../../../services/scenario/parse.js';
import { readScenarios } from '../../../services/scenario/read.js';
import { runScenario } from '../../../services/scenario/run.js';

const DAY_MS = Date.UTC(2026, 2, 10);
const HOUR_MS = 3_600_000;

/** A story with these records and expectations, each a line of the file: the first record is line 4. */
function story(records: string[], expect: string[] = []): string {
  return [
    'name: a story',
    'day: 2026-03-10',
    'records:',
    ...records.map((record) => `  - ${record}`),
    'expect:',
    ...expect.map((item) => `  - ${item}`),
  ].join('\n');
}

function parse(records: string[], expected: string[] = []) {
  return parseScenario('story.yaml', story(records, expected));
}

function fieldsOf(record: string): Readonly<Record<string, unknown>> | undefined {
  return parse([record]).records[0]?.fields;
}

const INFERENCE = '{topic: inferences, at: "10:00", inference_id: r, model_id: m}';

describe('a scenario file', () => {
  it('has a name, a day, records and expectations', () => {
    const scenario = parse([INFERENCE], ['{ask: served, inference: r, known: "10:30", answer: {status: attributed}}']);
    expect(scenario).toMatchObject({ name: 'a story', dayMicros: DAY_MS * 1000 });
    expect(scenario.records).toMatchObject([{ stream: 'inferences', appendedAtMs: DAY_MS + 10 * HOUR_MS }]);
    expect(scenario.expect).toEqual([
      {
        question: { ask: 'served', inference: 'r', known: DAY_MS + 10.5 * HOUR_MS },
        args: { inference: 'r' },
        known: '10:30',
        answer: { status: 'attributed' },
      },
    ]);
  });

  it('may have no records and no expectations', () => {
    expect(parseScenario('f', 'name: nothing\nday: 2026-03-10')).toMatchObject({ records: [], expect: [] });
  });

  it('is appended in the order of `arrives`, and as listed where that is the same', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const arrives = ['11:00', '10:00', '11:00', '10:00'];
    const records = ids.map(
      (id, i) => `{topic: inferences, at: "09:00", arrives: "${arrives[i]}", inference_id: ${id}, model_id: m}`,
    );
    expect(parse(records).records.map(({ fields }) => fields['inference_id'])).toEqual(['b', 'd', 'a', 'c']);
  });

  it('names events by their position in the list, before it is ordered', () => {
    const records = [`{topic: inferences, at: "11:00", inference_id: a, model_id: m}`, INFERENCE];
    expect(parse(records).records.map(({ fields }) => fields['event_id'])).toEqual(['1', '0']);
  });

  it('fills in what a record leaves out', () => {
    expect(fieldsOf(INFERENCE)).toMatchObject({ source: 'scenario', source_ref: null, release: null, cost: null });
    expect(fieldsOf('{topic: payments, at: "10:00", payment_id: p, state: SETTLED}')).toMatchObject({
      amount: '0',
      asset: 'OPG',
      network: 'eip155:8453',
      payer: `0x${'0'.repeat(40)}`,
      payee: `0x${'0'.repeat(40)}`,
      allocations: [],
    });
    expect(fieldsOf('{topic: releases, at: "10:00", model_id: m, action: RETIRED, release: v1}')).toMatchObject({
      effective_at: null,
      traffic: null,
      targets: null,
      blob_ids: [],
    });
  });

  it('reads clock times wherever a time may be', () => {
    const record =
      '{topic: releases, at: "10:00", model_id: m, action: FLAGGED, release: v, flag_id: f, effective_at: "09:00", from: "+1d 08:00", until: "2026-03-12T00:00Z"}';
    expect(fieldsOf(record)).toMatchObject({
      occurred_at: (DAY_MS + 10 * HOUR_MS) * 1000,
      effective_at: (DAY_MS + 9 * HOUR_MS) * 1000,
      from: (DAY_MS + 32 * HOUR_MS) * 1000,
      until: (DAY_MS + 48 * HOUR_MS) * 1000,
    });
  });

  it('reads amounts exactly, whether they are numbers or texts', () => {
    const amount = (written: string) =>
      fieldsOf(`{topic: payments, at: "10:00", payment_id: p, state: SETTLED, amount: ${written}}`)?.['amount'];
    expect(amount('115792089237316195423570985008687907853269984665640564039457584007913129639935')).toBe(
      (2n ** 256n - 1n).toString(),
    );
    expect(amount('"007"')).toBe('007');
    expect(amount('-1')).toBe('-1');
    expect(amount('0.5')).toBe('0.5');
  });

  it('reads ids that look like something else as texts', () => {
    const ids = ['12', '"0x10"', '"~"', '"undefined"', 'no', '"__proto__"'].map(
      (id) => fieldsOf(`{topic: inferences, at: "10:00", inference_id: ${id}, model_id: m}`)?.['inference_id'],
    );
    expect(ids).toEqual(['12', '0x10', '~', 'undefined', 'no', '__proto__']);
    const traffic = fieldsOf(
      '{topic: releases, at: "10:00", model_id: m, action: TRAFFIC_SET, traffic: {"__proto__": 10000}}',
    )?.['traffic'];
    expect(Object.entries(traffic as object)).toEqual([['__proto__', 10_000]]);
  });

  it('keeps what section 8 refuses, so that it is a dead letter and the next record is processed', async () => {
    const records = [
      '{topic: releases, at: "10:00", model_id: m, action: TRAFFIC_SET, traffic: {v1: 10000}}',
      '{topic: releases, at: "10:01", model_id: m, action: TRAFFIC_SET, traffic: {v2: 50.5, v3: 9949.5}}',
    ];
    const scenario = parse(records, ['{ask: timeline, model: m, at: "11:00", answer: {traffic: {v1: 10000}}}']);
    expect(await runScenario(scenario, coreEngine(scenario))).toMatchObject({ pass: true });
  });

  it('knows by default everything up to the last append time in the log, refused records included', async () => {
    const records = [INFERENCE, '{topic: payments, at: "11:00", payment_id: p, state: SETTLED, amount: -1}'];
    const scenario = parse(records, ['{ask: proof, inference: r, answer: {overdue: true}}']);
    expect(await runScenario(scenario, coreEngine(scenario))).toMatchObject({ pass: true });
  });

  it('asks just to see the answer, when none is expected', async () => {
    const scenario = parse([INFERENCE], ['{ask: served, inference: r}']);
    const { pass, checks } = await runScenario(scenario, coreEngine(scenario));
    expect(pass).toBe(true);
    expect(checks).toMatchObject([{ expected: null, pass: true, actual: { status: 'unattributed' } }]);
  });

  it('tells what was asked, expected and answered when it does not come out', async () => {
    const scenario = parse([INFERENCE], ['{ask: served, inference: r, known: "12:00", answer: {status: attributed}}']);
    const { pass, checks } = await runScenario(scenario, coreEngine(scenario));
    expect(pass).toBe(false);
    expect(checks).toMatchObject([
      {
        ask: 'served',
        args: { inference: 'r' },
        known: '12:00',
        expected: { status: 'attributed' },
        actual: { status: 'unattributed' },
        pass: false,
      },
    ]);
  });
});

describe('a file that cannot be read names file, line and field', () => {
  it.each<[string, string[], string[], RegExp]>([
    ['an unknown topic', ['{topic: inference, at: "10:00"}'], [], /^story\.yaml:4: topic is none of releases, /],
    [
      'an unknown field',
      [INFERENCE, '{topic: inferences, at: "10:00", inference_id: r, model_id: m, modell: x}'],
      [],
      /^story\.yaml:5: modell is not a field/,
    ],
    [
      'a missing field',
      ['{topic: inferences, at: "10:00", model_id: m}'],
      [],
      /^story\.yaml:4: inference_id is missing/,
    ],
    ['a missing time', ['{topic: inferences, inference_id: r, model_id: m}'], [], /^story\.yaml:4: at is missing/],
    [
      'a time that is none',
      ['{topic: inferences, at: "25:00", inference_id: r, model_id: m}'],
      [],
      /^story\.yaml:4: at is missing or not a time/,
    ],
    [
      'an append time that is none',
      ['{topic: inferences, at: "10:00", arrives: soon, inference_id: r, model_id: m}'],
      [],
      /^story\.yaml:4: arrives is/,
    ],
    [
      'another time that is none',
      ['{topic: releases, at: "10:00", model_id: m, action: FLAGGED, release: v, flag_id: f, until: never}'],
      [],
      /^story\.yaml:4: until is not a time/,
    ],
    [
      'an unknown word',
      ['{topic: payments, at: "10:00", payment_id: p, state: PAID}'],
      [],
      /^story\.yaml:4: state is none of AUTHORISED, /,
    ],
    [
      'a list that is none',
      ['{topic: payments, at: "10:00", payment_id: p, state: SETTLED, allocations: r}'],
      [],
      /^story\.yaml:4: allocations is not a list/,
    ],
    [
      'a field of a list',
      ['{topic: payments, at: "10:00", payment_id: p, state: SETTLED, allocations: [{inference: r}]}'],
      [],
      /^story\.yaml:4: .*inference is not a field/,
    ],
    [
      'a number that is none',
      ['{topic: releases, at: "10:00", model_id: m, action: FLAGGED, release: v, flag_id: f, activation: first}'],
      [],
      /^story\.yaml:4: activation is not a number/,
    ],
    ['a record that is none', ['nothing'], [], /^story\.yaml:4: a record is an object/],
    ['an unknown question', [INFERENCE], ['{ask: why}'], /^story\.yaml:6: ask is none of timeline, /],
    ['a question that every object knows', [INFERENCE], ['{ask: constructor}'], /^story\.yaml:6: ask is none of/],
    ['a missing argument', [INFERENCE], ['{ask: taint, model: m}'], /^story\.yaml:6: taint needs release/],
    [
      'an argument too many',
      [INFERENCE],
      ['{ask: served, inference: r, model: m}'],
      /^story\.yaml:6: served takes no model/,
    ],
    [
      'an argument that is none',
      [INFERENCE],
      ['{ask: served, inference: ~}'],
      /^story\.yaml:6: inference is not a text/,
    ],
    [
      'an activation that is no number',
      [INFERENCE],
      ['{ask: agents, model: m, release: v, activation: last}'],
      /^story\.yaml:6: activation is not a whole number/,
    ],
    [
      'a knowledge time that is none',
      [INFERENCE],
      ['{ask: served, inference: r, known: then}'],
      /^story\.yaml:6: known is not a time/,
    ],
    ['an expectation that is none', [INFERENCE], ['served'], /^story\.yaml:6: an expectation is an object/],
  ])('for %s', (_name, records, expected, message) => {
    expect(() => parse(records, expected)).toThrow(ScenarioError);
    expect(() => parse(records, expected)).toThrow(message);
  });

  it.each<[string, string, RegExp]>([
    ['broken YAML', 'name: a\nday: [', /^f\.yaml:\d+: /],
    ['a field named twice', 'name: a\nname: b\nday: 2026-03-10', /^f\.yaml:2: /],
    ['a list instead of a scenario', '- name', /^f\.yaml:1: a scenario is an object/],
    ['an unknown part', 'name: a\nday: 2026-03-10\nrecord: []', /^f\.yaml:3: record is not a field/],
    ['a missing name', 'day: 2026-03-10', /^f\.yaml:1: name is missing/],
    ['a missing day', 'name: a', /^f\.yaml:1: day is missing/],
    ['a day that there is not', 'name: a\nday: 2026-02-30', /^f\.yaml:2: day is missing or not a date/],
    ['records that are no list', 'name: a\nday: 2026-03-10\nrecords: {}', /^f\.yaml:3: records is not a list/],
  ])('for %s', (_name, text, message) => {
    expect(() => parseScenario('f.yaml', text)).toThrow(message);
  });

  it('before anything is run', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'backtrail-'));
    try {
      const file = join(folder, 'good.yaml');
      writeFileSync(file, story([INFERENCE]));
      expect(await readScenarios([file])).toHaveLength(1);
      await expect(readScenarios([file, join(folder, 'missing.yaml')])).rejects.toThrow(/missing\.yaml: no such file/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
