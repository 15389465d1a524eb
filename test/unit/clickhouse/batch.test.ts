import { describe, expect, it } from 'vitest';

import { Batch } from '../../../services/shared/clickhouse/ask/batch.js';

function recording() {
  const statements: (readonly number[])[] = [];
  const batch = new Batch<number, string>((items) => {
    statements.push(items);
    return items.includes(-1)
      ? Promise.reject(new Error('refused'))
      : Promise.resolve(items.map((item) => `answer ${item}`));
  });
  return { batch, statements };
}

describe('questions of one kind', () => {
  it('that are asked in one turn of the event loop go into one statement, each with its own answer', async () => {
    const { batch, statements } = recording();
    expect(await Promise.all([batch.ask(1), Promise.resolve().then(() => batch.ask(2))])).toEqual([
      'answer 1',
      'answer 2',
    ]);
    expect(await batch.ask(3)).toBe('answer 3');
    expect(statements).toEqual([[1, 2], [3]]);
  });

  it('that are too many for the parameters of one statement go into several', async () => {
    const { batch, statements } = recording();
    const items = Array.from({ length: 120 }, (_, i) => i);
    expect(await Promise.all(items.map((item) => batch.ask(item)))).toEqual(items.map((item) => `answer ${item}`));
    expect(statements.map(({ length }) => length)).toEqual([50, 50, 20]);
  });

  it('all fail with the statement', async () => {
    const { batch } = recording();
    const asked = [batch.ask(1), batch.ask(-1)];
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await batch.ask(2)).toBe('answer 2');
  });
});
