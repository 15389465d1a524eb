import { describe, expect, it } from 'vitest';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import { trafficAt } from '../../../services/shared/core/timeline.js';
import { facts, flag, micros, ms, traffic, viewOf, type Line } from './story.js';

const close = (at: string, more: Partial<Line> = {}): Line => ({
  at,
  action: 'INCIDENT_CLOSED',
  release: 'v1',
  ...more,
});

function logOf(...lines: Line[]): ReleaseLog {
  return ReleaseLog.of(facts('releases', lines));
}

function sharesOf(log: ReleaseLog, model: string, known: string, at = '23:00'): Record<string, number> {
  return Object.fromEntries(trafficAt(log.model(model).asOf(ms(known)).timeline, micros(at)));
}

describe('the release log', () => {
  it('says what was known at a moment, the record of that millisecond included', () => {
    const log = logOf(traffic('10:00', { v1: 10_000 }), traffic('11:00', { v2: 10_000 }));
    expect(sharesOf(log, 'm', '09:59')).toEqual({});
    expect(sharesOf(log, 'm', '10:59:59.999')).toEqual({ v1: 10_000 });
    expect(sharesOf(log, 'm', '11:00')).toEqual({ v2: 10_000 });
  });

  it('keeps models apart, and knows nothing of one never heard of', () => {
    const log = logOf(traffic('10:00', { v1: 10_000 }), traffic('10:00', { w1: 10_000 }, { model_id: 'a' }));
    expect(log.models).toEqual(['a', 'm']);
    expect(sharesOf(log, 'a', '12:00')).toEqual({ w1: 10_000 });
    expect(sharesOf(log, 'unheard-of', '12:00')).toEqual({});
  });

  it('passes over later copies of an event, and tells what counts', () => {
    const [first, copy, other] = facts('releases', [
      traffic('10:00', { v1: 10_000 }, { event_id: 'e' }),
      traffic('10:01', { v2: 10_000 }, { event_id: 'e' }),
      traffic('10:02', { v3: 10_000 }, { event_id: 'f' }),
    ]);
    if (!first || !copy || !other) throw new Error('three facts');
    const log = new ReleaseLog();
    expect([first, copy, other].map((fact) => log.apply(fact))).toEqual([first, null, other]);
    expect(log.nextOffset).toBe(3n);
    expect(log.model('m').facts).toEqual([first, other]);
  });

  it('takes the copy under the smallest model of one millisecond instead of one before it', () => {
    const log = logOf(
      traffic('10:00', { v1: 10_000 }, { event_id: 'e', model_id: 'm' }),
      traffic('10:00', { v2: 10_000 }, { event_id: 'e', model_id: 'a' }),
      traffic('10:00', { v3: 10_000 }, { event_id: 'e', model_id: 'b' }),
    );
    expect(sharesOf(log, 'a', '10:00')).toEqual({ v2: 10_000 });
    expect(sharesOf(log, 'm', '10:00')).toEqual({});
    expect(sharesOf(log, 'b', '10:00')).toEqual({});
  });

  it('lists the append times of a model, and what was appended at each', () => {
    const log = logOf(
      traffic('10:00', { v1: 1, v2: 9999 }, { arrives: '12:00' }),
      traffic('11:00', {}, { arrives: '12:00' }),
      traffic('09:00', {}, { arrives: '13:00' }),
    );
    expect(log.model('m').appendTimes).toEqual([ms('12:00'), ms('13:00')]);
    expect(log.model('m').appendedAt(ms('12:00'))).toHaveLength(2);
    expect(log.model('m').appendedAt(ms('12:30'))).toEqual([]);
  });

  it('knows the timeline by the records of lower R', () => {
    const view = viewOf([traffic('10:00', { v1: 10_000 }), flag('10:00', 'v1'), traffic('10:00', { v2: 10_000 })]);
    expect([...view.timelineBefore(1n).activations.keys()]).toEqual(['v1']);
    expect([...view.timelineBefore(0n).activations.keys()]).toEqual([]);
  });

  it('has an incident from the first flag on, withdrawn or not', () => {
    const view = viewOf([flag('10:00', 'v2'), flag('10:01', 'v1'), { at: '10:02', action: 'UNFLAGGED', flag_id: 'f' }]);
    expect(view.everFlagged).toEqual(['v1', 'v2']);
    expect(view.flags).toEqual([]);
    expect(view.firstFlagged('v1')?.position.offset).toBe(1n);
    expect(view.firstFlagged('v3')).toBeNull();
  });

  it.each<[string, Line[], bigint | null]>([
    ['is none without a close', [flag('10:00', 'v1')], null],
    ['is the last of several', [flag('10:00', 'v1'), close('10:10'), close('10:20')], 2n],
    ['is none before the first flag', [close('09:00'), flag('10:00', 'v1')], null],
    ['counts although another flag came after it', [flag('10:00', 'v1'), close('10:10'), flag('10:20', 'v1')], 1n],
    ['is none of another release', [flag('10:00', 'v1'), close('10:10', { release: 'v2' })], null],
    ['is none without any flag', [close('10:10')], null],
  ])('the close of an incident %s', (_name, lines, offset) => {
    expect(viewOf(lines).lastClose('v1')?.position.offset ?? null).toBe(offset);
  });
});
