import { describe, expect, it } from 'vitest';

import { BacktrailError } from '../../../services/shared/errors.js';
import { hiding, withoutUsers } from '../../../services/shared/redact.js';

describe('an address in a text', () => {
  it.each([
    ['no answer from http://me:hunter2@host:8123/x?y=z', 'no answer from http://***@host:8123/x?y=z'],
    ['https://token@host', 'https://***@host'],
    ['a http://u:p%40@one/ and https://u:p@two', 'a http://***@one/ and https://***@two'],
    ['{"url":"http://u:p@h"}', '{"url":"http://***@h"}'],
    ['https://host/path/@scope', 'https://host/path/@scope'],
    ['mail me@host // not@once', 'mail me@host // not@once'],
  ])('%j has no user and password any more', (text, expected) => {
    expect(withoutUsers(text)).toBe(expected);
  });

  it('of an error neither', () => {
    expect(new BacktrailError('UNKNOWN', 'no answer from http://u:p@h/').message).toBe('no answer from http://***@h/');
  });
});

describe('a secret', () => {
  it('is hidden as it is, in JSON and in an address', () => {
    const hide = hiding(['pa"ss\\wörd', 'pass word']);
    expect(hide('x pa"ss\\wörd y')).toBe('x *** y');
    expect(hide(JSON.stringify({ password: 'pa"ss\\wörd' }))).toBe('{"password":"***"}');
    expect(hide(`password=${encodeURIComponent('pass word')}`)).toBe('password=***');
  });

  it('of three characters is not looked for: it would be found everywhere', () => {
    expect(hiding(['', 'at', 'the'])('the batch is late')).toBe('the batch is late');
  });
});
