import { describe, expect, it } from 'vitest';
import { classifyAgents, DELAY_MICROS, type Exposure } from '../../../services/shared/core/agents.js';
import { agentClasses } from '../../../services/shared/core/agents-of.js';
import { activationsOf } from '../../../services/shared/core/trail.js';
import { facts, flag, micros, traffic, trailOf, type Line } from './story.js';

const changed = (at: string, more: Partial<Line> = {}): Line => ({
  at,
  action: 'CHANGED',
  before_digest: 'd0',
  after_digest: 'd1',
  ...more,
});
const ACTIVATION = {
  release: 'v2',
  number: 1,
  from: micros('10:00'),
  to: micros('11:00'),
  undoneBy: null,
  restored: null,
};

function classes(lines: Line[], exposed: Record<string, string>, delayMicros = DELAY_MICROS) {
  const exposures = new Map<string, Exposure>(
    Object.entries(exposed).map(([agent, at]) => [agent, { first: micros(at), last: micros('22:00') }]),
  );
  return classifyAgents({
    modelId: 'm',
    activation: ACTIVATION,
    exposures,
    isAttributed: (id) => id === 'served',
    facts: facts('agents', lines),
    delayMicros,
  });
}

/** What agent A is, exposed first at the given time. */
function classOf(lines: Line[], exposed: string | null = '10:20'): string {
  const found = classes(lines, exposed === null ? {} : { A: exposed });
  return (
    found.changed.map(({ change }) => `changed by ${change.change_id}`)[0] ??
    found.delayed.map(({ change }) => `delayed by ${change.change_id}`)[0] ??
    found.excluded.map(({ reason }) => reason)[0] ??
    'none'
  );
}

describe('an agent that was exposed at 10:20 to an activation from 10:00 to 11:00', () => {
  it.each<[string, Line[], string]>([
    ['changed at its exposure', [changed('10:20')], 'changed by c'],
    ['changed just before the end', [changed('10:59:59.999999')], 'changed by c'],
    ['is delayed with a change at the end', [changed('11:00')], 'delayed by c'],
    ['is delayed with a change just before seven days are over', [changed('+7d 10:59:59.999999')], 'delayed by c'],
    ['is excluded with a change seven days after the end', [changed('+7d 11:00')], 'NO_CHANGE'],
    ['is excluded with a change just before its exposure', [changed('10:19:59.999999')], 'CHANGE_PRECEDES_EXPOSURE'],
    ['is excluded with a change an hour before the start', [changed('09:00')], 'CHANGE_PRECEDES_EXPOSURE'],
    ['is excluded with a change more than an hour before the start', [changed('08:59:59.999999')], 'NO_CHANGE'],
    ['is excluded without a change', [], 'NO_CHANGE'],
    [
      'has its first change, not the first to arrive',
      [changed('10:40', { change_id: 'later' }), changed('10:30', { change_id: 'first', arrives: '12:00' })],
      'changed by first',
    ],
    [
      'has the change appended first at one time',
      [changed('10:30', { change_id: 'first' }), changed('10:30', { change_id: 'second' })],
      'changed by first',
    ],
    [
      'changed, whatever it did before its exposure',
      [changed('10:10', { change_id: 'before' }), changed('10:30')],
      'changed by c',
    ],
    ['changed rather than being delayed', [changed('11:10', { change_id: 'later' }), changed('10:30')], 'changed by c'],
    ['is not changed by a record of another model', [changed('10:30', { model_id: 'n' })], 'NO_CHANGE'],
    ['is changed by a record of this model', [changed('10:30', { model_id: 'm' })], 'changed by c'],
    ['is not changed by an acknowledgement', [changed('10:30', { action: 'ACKNOWLEDGED' })], 'NO_CHANGE'],
    ['is not changed by a revert', [changed('10:30', { action: 'REVERTED' })], 'NO_CHANGE'],
    [
      'does not precede its exposure by an acknowledgement',
      [changed('10:10', { action: 'ACKNOWLEDGED' })],
      'NO_CHANGE',
    ],
    ['is not changed by what another agent did', [changed('10:30', { agent_id: 'B' })], 'NO_CHANGE'],
  ])('%s', (_name, lines, expected) => {
    expect(classOf(lines)).toBe(expected);
  });
});

describe('an agent that only met stragglers, at 11:30', () => {
  it.each<[string, Line[], string]>([
    ['is not changed by what it did while the release was active', [changed('10:30')], 'CHANGE_PRECEDES_EXPOSURE'],
    ['precedes its exposure also after the end', [changed('11:29:59.999999')], 'CHANGE_PRECEDES_EXPOSURE'],
    ['is delayed from its exposure on', [changed('11:30')], 'delayed by c'],
  ])('%s', (_name, lines, expected) => {
    expect(classOf(lines, '11:30')).toBe(expected);
  });

  it('is nothing but excluded when seven days were over before it met one', () => {
    expect(classOf([changed('+8d 10:00')], '+8d 10:00')).toBe('NO_CHANGE');
  });
});

describe('an agent that was not exposed', () => {
  it.each<[string, Line[], string]>([
    ['is named when it changed at the start', [changed('10:00')], 'NOT_EXPOSED'],
    ['is named whatever else it did', [changed('09:00'), changed('10:00'), changed('12:00')], 'NOT_EXPOSED'],
    ['is not named when it changed at the end', [changed('11:00')], 'none'],
    ['is not named for an acknowledgement', [changed('10:30', { action: 'ACKNOWLEDGED' })], 'none'],
    ['is not named for a change of another model', [changed('10:30', { model_id: 'n' })], 'none'],
    [
      'is not named for that beside a record of this model',
      [changed('10:30', { model_id: 'n' }), changed('09:30', { model_id: 'm' })],
      'none',
    ],
  ])('%s', (_name, lines, expected) => {
    expect(classOf(lines, null)).toBe(expected);
  });
});

describe('a change', () => {
  it('is caused by an inference of the activation, when it names one among others', () => {
    const caused = (...caused_by: string[]) =>
      classes([changed('10:30', { caused_by })], { A: '10:20' }).changed[0]?.caused;
    expect([caused(), caused('other'), caused('other', 'served')]).toEqual([false, false, true]);
  });

  const CHANGE = changed('10:30', { change_id: 'c' });
  const WITHOUT_BEFORE = changed('10:30', { change_id: 'c', before_digest: null });
  const revert = (at: string, more: Partial<Line> = {}): Line => ({
    at,
    action: 'REVERTED',
    change_id: 'r',
    reverts_change_id: 'c',
    ...more,
  });
  const set = (at: string, after_digest: string | null, more: Partial<Line> = {}): Line => ({
    at,
    action: 'CHANGED',
    change_id: 's',
    after_digest,
    ...more,
  });

  it.each<[string, Line[], string]>([
    ['persists', [CHANGE], 'persisting'],
    ['is reverted by a REVERTED that names it', [CHANGE, revert('10:40')], 'reverted at 10:40'],
    [
      'is reverted by a REVERTED of another kind that names it',
      [CHANGE, revert('10:40', { kind: 'MEMORY' })],
      'reverted at 10:40',
    ],
    [
      'is not reverted by a REVERTED that names another',
      [CHANGE, revert('10:40', { reverts_change_id: 'x' })],
      'persisting',
    ],
    [
      'is not reverted by an acknowledgement that names it',
      [CHANGE, revert('10:40', { action: 'ACKNOWLEDGED' })],
      'persisting',
    ],
    ['is not reverted by an earlier record', [revert('10:20'), CHANGE], 'persisting'],
    [
      'is reverted by a record of the same time that was appended later',
      [CHANGE, revert('10:30')],
      'reverted at 10:30',
    ],
    ['is reverted by a record of its kind that restores its digest', [CHANGE, set('10:40', 'd0')], 'reverted at 10:40'],
    [
      'is reverted by an acknowledgement that restores its digest',
      [CHANGE, set('10:40', 'd0', { action: 'ACKNOWLEDGED' })],
      'reverted at 10:40',
    ],
    [
      'is not reverted by another kind with that digest',
      [CHANGE, set('10:40', 'd0', { kind: 'MEMORY' })],
      'persisting',
    ],
    ['is not reverted by a record of another model', [CHANGE, revert('10:40', { model_id: 'n' })], 'persisting'],
    ['is reverted long after the activation', [CHANGE, revert('+30d 10:00')], 'reverted at 10:00'],
    ['is relapsed when its own digest comes back', [CHANGE, revert('10:40'), set('10:50', 'd1')], 'relapsed at 10:50'],
    [
      'is relapsed at the very time of the revert, if that was appended before',
      [CHANGE, revert('10:40'), set('10:40', 'd1')],
      'relapsed at 10:40',
    ],
    [
      'is not relapsed by what was before the revert',
      [CHANGE, set('10:35', 'd1'), revert('10:40')],
      'reverted at 10:40',
    ],
    [
      'is not relapsed by another kind',
      [CHANGE, revert('10:40'), set('10:50', 'd1', { kind: 'MEMORY' })],
      'reverted at 10:40',
    ],
    ['is not reverted by itself', [changed('10:30', { change_id: 'c', after_digest: 'd0' })], 'persisting'],
    ['is not relapsed by its own revert', [CHANGE, revert('10:40', { after_digest: 'd1' })], 'reverted at 10:40'],
    ['is reverted by the first of several', [CHANGE, revert('10:40'), set('10:50', 'd0')], 'reverted at 10:40'],
    [
      'is relapsed by the first of several',
      [CHANGE, revert('10:40'), set('10:50', 'd1'), set('10:55', 'd1')],
      'relapsed at 10:50',
    ],
    ['is unknown without the digest before', [WITHOUT_BEFORE, set('10:40', null)], 'unknown'],
    [
      'is known without the digest before, when a REVERTED names it',
      [WITHOUT_BEFORE, revert('10:40')],
      'reverted at 10:40',
    ],
    ['persists without the digest after', [changed('10:30', { change_id: 'c', after_digest: null })], 'persisting'],
    [
      'without the digest after is not relapsed by another without',
      [changed('10:30', { change_id: 'c', after_digest: null }), revert('10:40'), set('10:50', null)],
      'reverted at 10:40',
    ],
  ])('%s', (_name, lines, expected) => {
    const [agent] = classes(lines, { A: '10:20' }).changed;
    const { kind, at } = agent?.outcome ?? { kind: 'none', at: null };
    expect(at === null ? kind : `${kind} at ${new Date(at / 1000).toISOString().slice(11, 16)}`).toBe(expected);
  });
});

describe('secondary agents', () => {
  const used = (at: string, agent_id: string, ...upstream_agent_ids: string[]): Line => ({
    at,
    action: 'ACKNOWLEDGED',
    agent_id,
    upstream_agent_ids,
  });

  it.each<[string, Line[], string[], string?]>([
    ['are reached at the time of the exposure', [used('10:20', 'B', 'A')], ['B 1 A']],
    ['are not reached before it', [used('10:19', 'B', 'A')], []],
    ['are reached through records of any model', [{ ...used('10:30', 'B', 'A'), model_id: 'n' }], ['B 1 A']],
    [
      'are reached step by step in time order',
      [used('10:30', 'B', 'A'), used('10:40', 'C', 'B'), used('10:50', 'D', 'C')],
      ['B 1 A', 'C 2 B', 'D 3 C'],
    ],
    ['are not reached by what was used too early', [used('10:30', 'B', 'A'), used('10:29', 'C', 'B')], ['B 1 A']],
    [
      'are reached through the earliest record of an upstream',
      [used('10:50', 'B', 'A'), used('10:30', 'B', 'A'), used('10:40', 'C', 'B')],
      ['B 1 A', 'C 2 B'],
    ],
    [
      'have their smallest depth',
      [used('10:30', 'B', 'A'), used('10:40', 'C', 'B'), used('10:50', 'C', 'A')],
      ['B 1 A', 'C 1 A'],
    ],
    [
      'name every upstream of that depth, once and sorted',
      [used('10:30', 'C', 'Z', 'A'), used('10:40', 'C', 'A', 'nobody')],
      ['C 1 A,Z'],
    ],
    ['are never exposed themselves', [used('10:30', 'Z', 'A')], []],
    [
      'are reached through exposed agents that used others earlier',
      [used('10:25', 'Z', 'A'), used('10:30', 'B', 'Z')],
      ['B 2 Z'],
      '12:00',
    ],
    [
      'are not lost in circles',
      [used('10:30', 'B', 'A', 'B'), used('10:31', 'A', 'B'), used('10:32', 'B', 'A')],
      ['B 1 A'],
    ],
  ])('%s', (_name, lines, expected, exposedZ = '10:20') => {
    const found = classes(lines, { A: '10:20', Z: exposedZ }).secondary;
    expect(found.map(({ agent, depth, via }) => `${agent} ${depth} ${via.join(',')}`)).toEqual(expected);
  });
});

describe('the agents of an activation', () => {
  it('are exposed by what is attributed to it, stragglers included, from the first to the last', () => {
    const trail = trailOf({
      releases: [traffic('10:00', { v2: 10_000 }), traffic('11:00', { v1: 10_000 }), flag('12:00', 'v2')],
      inferences: [
        { at: '11:30', inference_id: 'stale', release: 'v2', agent_id: 'A' },
        { at: '10:30', inference_id: 'active', agent_id: 'A' },
        { at: '09:30', inference_id: 'premature', release: 'v2', agent_id: 'B' },
        { at: '10:30', inference_id: 'foreign', model_id: 'n', release: 'v2', agent_id: 'C' },
        { at: '10:30', inference_id: 'nobody' },
      ],
      agents: [changed('10:30', { caused_by: ['stale'] }), changed('10:30', { agent_id: 'B' })],
    });
    const [activation] = activationsOf(trail, 'm');
    if (activation === undefined) throw new Error('v2 has an activation');
    const found = agentClasses(trail, 'm', activation);
    expect(found.changed.map(({ agentId, caused }) => [agentId, caused])).toEqual([['A', true]]);
    expect(found.excluded).toEqual([{ agentId: 'B', reason: 'NOT_EXPOSED' }]);
  });

  it('are delayed for as long as is configured', () => {
    const kinds = (delayMicros: number) => classes([changed('11:30')], { A: '10:20' }, delayMicros).delayed.length;
    expect([micros('11:30') - micros('11:00'), micros('11:30') - micros('11:00') + 1].map(kinds)).toEqual([0, 1]);
  });
});
