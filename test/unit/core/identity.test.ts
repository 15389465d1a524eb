import { describe, expect, it } from 'vitest';
import { firstCopies, firstInferences, sameContent } from '../../../services/shared/core/identity.js';
import { fact, trailOf, traffic } from './story.js';

describe('copies of an event', () => {
  const line = (offset: number, arrives: string, more: Record<string, unknown> = {}) =>
    fact('inferences', { at: '09:00', arrives, event_id: 'e', inference_id: 'r', ...more }, offset);

  it('count once: the first in the log', () => {
    const [first, second, other] = [line(0, '10:00'), line(1, '10:01'), line(2, '10:02', { event_id: 'f' })];
    const { counting, ignored } = firstCopies([other, second, first]);
    expect(counting).toEqual([first, other]);
    expect(ignored).toEqual([{ fact: second, counts: first, finding: 'DUPLICATE' }]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['content', { release: 'v2' }],
    ['event time', { at: '09:00:00.000001' }],
    ['key', { inference_id: 's' }],
  ])('are a conflict when they differ in %s', (_name, change) => {
    const { ignored } = firstCopies([line(0, '10:00'), line(1, '10:01', change)]);
    expect(ignored.map(({ finding }) => finding)).toEqual(['EVENT_ID_CONFLICT']);
  });

  it('in one millisecond count under the smallest key, whatever their partitions', () => {
    const a = line(7, '10:00', { inference_id: 'a', partition: 2 });
    const z = line(0, '10:00', { inference_id: 'z', partition: 0 });
    expect(firstCopies([z, a]).counting).toEqual([a]);
  });

  it('say the same when only the order of a map differs', () => {
    const one = fact('releases', traffic('10:00', { v1: 1, v2: 9999 }));
    const two = fact('releases', traffic('10:00', { v2: 9999, v1: 1 }));
    expect(sameContent(one, two)).toBe(true);
    expect(sameContent(one, { ...two, key: 'another' })).toBe(false);
    expect(sameContent(one, fact('releases', traffic('10:00', { v1: 2, v2: 9998 })))).toBe(false);
  });

  it('say different things when the order of a list differs', () => {
    const blobs = (ids: string[]) =>
      fact('releases', { at: '10:00', action: 'PUBLISHED', release: 'v1', blob_ids: ids });
    expect(sameContent(blobs(['a', 'b']), blobs(['b', 'a']))).toBe(false);
  });
});

describe('several events about one inference', () => {
  it('count as the first in the log', () => {
    const first = fact('inferences', { at: '11:00', arrives: '11:00', inference_id: 'r' }, 4);
    const second = fact('inferences', { at: '09:00', arrives: '11:01', inference_id: 'r' }, 2);
    expect([...firstInferences([second, first]).values()]).toEqual([first]);
  });

  it('do not count when the first one is a copy of another event', () => {
    const trail = trailOf({
      inferences: [
        { at: '09:00', event_id: 'e1', inference_id: 'a' },
        { at: '09:01', event_id: 'e1', inference_id: 'b', release: 'v7' },
        { at: '09:02', event_id: 'e2', inference_id: 'b', release: 'v1' },
      ],
    });
    expect(trail.byId('b')?.record.release).toBe('v1');
  });
});
