import { expect, it } from 'vitest';

import { Opened } from '../../../services/shared/runtime/opened.js';

it('a connection that was still being opened when the others were closed is closed, too', async () => {
  const closed: string[] = [];
  const connection = (name: string) => ({ close: () => Promise.resolve(void closed.push(name)) });
  const opened = new Opened();
  opened.add(connection('early'));
  await opened.close();
  opened.add(connection('late'));
  opened.add({ close: () => Promise.reject(new Error('broken to order')) });
  expect(closed).toEqual(['early', 'late']);
});
