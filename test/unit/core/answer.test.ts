import { describe, expect, it } from 'vitest';
import { answer } from '../../../services/shared/core/answer.js';
import { QUESTIONS, type Question } from '../../../services/shared/core/question.js';
import { flag, micros, rollback, traffic, trailOf, type Lines } from './story.js';

const at = (clock: string): string => new Date(micros(clock) / 1000).toISOString();

const STORY: Lines = {
  releases: [
    { at: '08:00', action: 'PUBLISHED', release: 'v2', blob_ids: ['B'] },
    traffic('09:00', { v1: 10_000 }),
    traffic('10:00', { v2: 10_000 }),
    rollback('11:00', 'v2', 'v1'),
    flag('12:00', 'v2'),
  ],
  inferences: [
    { at: '10:10', inference_id: 'r', blob_id: 'B', release: 'v2', agent_id: 'A', session_id: 'S', partition: 3 },
    { at: '11:10', inference_id: 's', release: 'v2' },
  ],
  proofs: [{ at: '10:12', inference_id: 'r', path: 'TEE', state: 'VERIFIED' }],
  payments: [{ at: '10:20', payment_id: 'p', amount: 100, session_id: 'S' }],
  agents: [
    { at: '10:30', agent_id: 'A', change_id: 'c1', before_digest: 'd0', after_digest: 'd1', caused_by: ['r'] },
    { at: '10:40', agent_id: 'B', change_id: 'c2', upstream_agent_ids: ['A'] },
  ],
};

function ask(question: Question, lines = STORY): unknown {
  return answer(trailOf(lines), question);
}

describe('an answer has exactly the fields that are named for it', () => {
  const served = {
    inference: 'r',
    status: 'attributed',
    release: 'v2',
    activation: 1,
    phase: 'active',
    basis: 'blob',
    candidates: [{ release: 'v2', share_bp: 10_000 }],
    near_boundary: false,
    findings: [],
  };
  const blob = { inference: 'r', blob_id: 'B', status: 'matched', releases: ['v2'] };
  const proof = {
    inference: 'r',
    path: 'TEE',
    state: 'verified',
    verified_at: at('10:12'),
    unverifiable_since: null,
    overdue: false,
  };
  const payment = {
    payment: 'p',
    state: 'SETTLED',
    amount: '100',
    tainted: '100',
    possible: '0',
    clean: '0',
    unattributed: '0',
    parts: [{ inference: 'r', amount: '100', class: 'tainted' }],
  };
  const incident = {
    state: 'contained',
    activations: [1],
    contained_at: at('11:00'),
    recovered_at: at('11:00'),
    linked: [],
  };
  const settled = {
    kind: 'SETTLED_ON_FLAGGED',
    release: 'v2',
    subject: 'p',
    raised_at: at('12:00'),
    state: 'firing',
    retroactive: true,
    late: false,
  };
  const noAgents = {
    changed: [],
    delayed: [],
    persisting: [],
    reverted: [],
    relapsed: [],
    unknown: [],
    excluded: [],
    secondary: [],
  };
  const noPayments = {
    settled_while_active: [],
    settled_for_work: [],
    possible: [],
    late: [],
    amount: { work: '0', possible: '0', late: '0' },
  };

  it.each<[Question, unknown]>([
    [
      { ask: 'timeline', model: 'm', at: micros('10:00') },
      { model: 'm', at: at('10:00'), traffic: { v2: 10_000 } },
    ],
    [
      { ask: 'timeline', model: 'unheard-of', at: 0 },
      { model: 'unheard-of', at: '1970-01-01T00:00:00.000Z', traffic: {} },
    ],
    [{ ask: 'served', inference: 'r' }, served],
    [
      { ask: 'served', inference: 'x' },
      { inference: 'x', status: 'unknown' },
    ],
    [{ ask: 'blob', inference: 'r' }, blob],
    [
      { ask: 'blob', inference: 'x' },
      { inference: 'x', status: 'unknown' },
    ],
    [{ ask: 'proof', inference: 'r' }, proof],
    [
      { ask: 'proof', inference: 'x' },
      { inference: 'x', path: null, state: 'none', verified_at: null, unverifiable_since: null, overdue: false },
    ],
    [
      { ask: 'agents', model: 'm', release: 'v2' },
      {
        ...noAgents,
        changed: ['A'],
        persisting: ['A'],
        excluded: [{ agent: 'B', reason: 'NOT_EXPOSED' }],
        secondary: [{ agent: 'B', depth: 1, via: ['A'] }],
      },
    ],
    [{ ask: 'agents', model: 'm', release: 'v2', activation: 2 }, noAgents],
    [{ ask: 'agents', model: 'm', release: 'v2', activation: 0 }, noAgents],
    [
      { ask: 'payments', model: 'm', release: 'v2' },
      {
        ...noPayments,
        settled_while_active: ['p'],
        settled_for_work: ['p'],
        amount: { work: '100', possible: '0', late: '0' },
      },
    ],
    [{ ask: 'payments', model: 'm', release: 'v2', activation: 2 }, noPayments],
    [{ ask: 'payment', payment: 'p' }, payment],
    [
      { ask: 'payment', payment: 'x' },
      { payment: 'x', status: 'unknown' },
    ],
    [
      { ask: 'taint', model: 'm', release: 'v2' },
      { flagged: true, certain: ['r', 's'], possible: [], amount: { tainted: '100', possible: '0' } },
    ],
    [
      { ask: 'taint', model: 'm', release: 'v1' },
      { flagged: false, certain: [], possible: [], amount: { tainted: '0', possible: '0' } },
    ],
    [
      { ask: 'windows', model: 'm' },
      [
        {
          release: 'v1',
          activation: 1,
          from: at('09:00'),
          to: at('10:00'),
          undone_by_rollback: false,
          restored: null,
          flagged: false,
        },
        {
          release: 'v2',
          activation: 1,
          from: at('10:00'),
          to: at('11:00'),
          undone_by_rollback: true,
          restored: 'v1',
          flagged: true,
        },
        {
          release: 'v1',
          activation: 2,
          from: at('11:00'),
          to: null,
          undone_by_rollback: false,
          restored: null,
          flagged: false,
        },
      ],
    ],
    [{ ask: 'incident', model: 'm', release: 'v2' }, incident],
    [{ ask: 'incident', model: 'm', release: 'v1' }, { state: 'none' }],
    [{ ask: 'incidents' }, [{ model: 'm', release: 'v2', ...incident }]],
    [{ ask: 'incidents', model: 'm' }, [{ model: 'm', release: 'v2', ...incident }]],
    [{ ask: 'incidents', model: 'n' }, []],
    [{ ask: 'alerts', model: 'm' }, [settled, { ...settled, kind: 'STALE_SERVING', subject: '1', retroactive: false }]],
    [{ ask: 'alerts', model: 'n' }, []],
  ])('%j', (question, expected) => {
    expect(ask(question)).toEqual(expected);
  });

  it('and a trail all of it, with topic, partition and offset of every record it rests on', () => {
    const trail = ask({ ask: 'trail', inference: 'r' }) as {
      records: { topic: string; partition: number; offset: string }[];
    };
    expect(trail).toMatchObject({
      inference: 'r',
      status: 'known',
      model: 'm',
      occurred_at: at('10:10'),
      release: served,
      blob,
      proof,
    });
    expect(trail).toMatchObject({ agent: { agent: 'A' }, payments: [payment], alerts: [settled] });
    expect(trail.records.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`)).toEqual([
      ...['0', '1', '2', '3', '4'].map((offset) => `opengradient.releases.v1 0 ${offset}`),
      'opengradient.inferences.v1 3 0',
      'opengradient.proofs.v1 0 0',
      'opengradient.agents.v1 0 0',
      'opengradient.payments.v1 0 0',
    ]);
  });

  it('and a trail of an inference that nobody knows says what is known about it all the same', () => {
    const lines = {
      ...STORY,
      payments: [{ at: '10:20', payment_id: 'p', amount: 5, allocations: [{ inference_id: 'x' }] }],
    };
    expect(ask({ ask: 'trail', inference: 'x' }, lines)).toMatchObject({
      status: 'unknown',
      model: null,
      occurred_at: null,
      release: { status: 'unknown' },
      payments: [{ payment: 'p', unattributed: '5' }],
      alerts: [],
    });
  });
});

describe('questions', () => {
  it('list their arguments', () => {
    expect(Object.keys(QUESTIONS)).toHaveLength(13);
    expect(QUESTIONS.agents).toEqual({ required: ['model', 'release'], optional: ['activation'] });
  });
});
