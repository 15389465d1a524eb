import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import * as core from '../../services/scenario/core-engine.js';
import { parseScenario } from '../../services/scenario/parse.js';
import type { Outcome } from '../../services/scenario/scenario.js';
import { runServices } from '../../services/scenario/services.js';
import * as stack from '../../services/scenario/stack-engine.js';
import { loadConfig } from '../../services/shared/config.js';
import { QUESTIONS } from '../../services/shared/core/question.js';
import { serverEnv } from './servers.fixture.js';

/** In every id and text of the story. A statement that has it was put together from a value. */
const MARK = 'Bobby';
const id = (name: string): string => `${name} ${MARK}'); DROP TABLE {x:Identifier} -- \\' "\``;

const [m, v1, v2, flag] = ['model', 'v1', 'v2', 'flag'].map(id) as [string, string, string, string];
const [i, session, target, blob] = ['inference', 'session', 'target', 'blob'].map(id) as [
  string,
  string,
  string,
  string,
];
const [proof, change, agent, payment] = ['proof', 'change', 'agent', 'pay'].map(id) as [string, string, string, string];
const release = { topic: 'releases', model_id: m };
const made = { topic: 'inferences', at: '10:05', model_id: m, agent_id: agent, blob_id: blob, target_id: target };

const STORY = {
  name: 'ids that are SQL',
  day: '2026-03-10',
  records: [
    { ...release, at: '09:00', action: 'PUBLISHED', release: v2, blob_ids: [blob] },
    { ...release, at: '09:00', action: 'TRAFFIC_SET', traffic: { [v1]: 10000 } },
    { ...release, at: '10:00', action: 'TRAFFIC_SET', traffic: { [v2]: 10000 } },
    { ...made, event_id: id('first'), inference_id: i, release: v2, session_id: session },
    // Twice under one event id, and the second copy says something else.
    { ...made, event_id: id('first'), inference_id: i, release: v1, session_id: session },
    { ...release, at: '10:30', action: 'ROLLED_BACK', release: v2, to: v1, reason: id('reason') },
    { ...release, at: '10:35', action: 'FLAGGED', release: v2, flag_id: flag, severity: 'HIGH', targets: [target] },
    { ...release, at: '09:30', arrives: '11:00', action: 'TARGET_BOUND', target_id: target, release: v2 },
    { topic: 'proofs', at: '10:06', proof_id: proof, inference_id: i, path: 'TEE', state: 'VERIFIED' },
    {
      topic: 'agents',
      at: '10:20',
      agent_id: agent,
      change_id: change,
      action: 'CHANGED',
      kind: 'PROMPT',
      model_id: m,
      caused_by: [i],
    },
    { topic: 'payments', at: '10:40', payment_id: payment, state: 'SETTLED', amount: '7', session_id: session },
    {
      topic: 'payments',
      at: '10:41',
      payment_id: id('late'),
      state: 'SETTLED',
      amount: '9',
      allocations: [{ inference_id: id('late') }],
    },
    { ...made, arrives: '12:00', inference_id: id('late'), release: v2 },
    { topic: 'payments', at: '10:42', payment_id: `${id('refused')}\n`, state: 'SETTLED', amount: '9' },
  ],
  expect: Object.entries(QUESTIONS).flatMap(([ask, { required, optional }]) => {
    const values: Record<string, unknown> = {
      model: m,
      release: v2,
      inference: i,
      payment,
      at: '10:10',
      activation: 1,
    };
    const given = [...required, ...optional].map((argument) => [argument, values[argument]]);
    const question = { ask, ...(Object.fromEntries(given) as object) };
    return [question, { ...question, known: '10:50' }];
  }),
};

interface Asked {
  readonly statement: string;
  readonly all: string;
}
const asked: Asked[] = [];
/** Passes everything on to ClickHouse, and keeps what it was. */
const door = createServer((incoming, response) => {
  void buffer(incoming).then((body) => {
    const { method, headers, url = '/' } = incoming;
    asked.push({ statement: statementOf(url, headers, body), all: decodeURIComponent(url) + body.toString() });
    const passed = request(new URL(url, inject('endpoints').clickhouseUrl), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    passed.end(body);
  });
});

/** As the server takes it: in the URL, with data behind it in the body; or a field of a form; or the body. */
function statementOf(url: string, headers: IncomingHttpHeaders, body: Buffer): string {
  const query = new URL(url, 'http://clickhouse').searchParams.get('query');
  if (query !== null) return query;
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) return body.toString();
  const parts = body.toString().split(`--${boundary}`);
  return parts.find((part) => /name="query"/.test(part)) ?? '';
}

async function only(outcomes: AsyncIterable<Outcome>): Promise<Outcome | null> {
  let last: Outcome | null = null;
  for await (const outcome of outcomes) last = outcome;
  return last;
}

beforeAll(async () => {
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
});

afterAll(() => {
  door.closeAllConnections();
  door.close();
});

describe('SQL', () => {
  it('never has a value in it: not of a record, not of a question', async () => {
    const clickhouseUrl = `http://127.0.0.1:${String((door.address() as AddressInfo).port)}`;
    const config = loadConfig({ ...serverEnv(), CLICKHOUSE_URL: clickhouseUrl });
    const scenario = parseScenario('story.yaml', JSON.stringify(STORY));
    const expected = await only(core.outcomesOf([scenario]));
    const run = { config, runServices, signal: new AbortController().signal };
    const outcome = await only(stack.outcomesOf([scenario], run));

    expect(asked.filter(({ statement }) => statement.includes(MARK))).toEqual([]);
    // The door saw the values pass, as parameters and as data, in statements that were found.
    expect(asked.filter(({ all }) => all.includes(MARK)).length).toBeGreaterThan(20);
    expect(asked.filter(({ statement }) => !/^\s*[A-Za-z]/.test(statement.replace(/^[^]*\r\n\r\n/, '')))).toEqual([]);
    expect(outcome).toEqual(expected);
  });
});
