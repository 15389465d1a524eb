import { ClickHouseError } from '@clickhouse/client';
import { describe, expect, it } from 'vitest';

import { translate } from '../../../services/shared/clickhouse/client.js';

function fromServer(code: string): string {
  return translate(new ClickHouseError({ code, type: 'TYPE', message: 'said so' })).code;
}

describe('what ClickHouse says', () => {
  it.each([
    ['252', 'CLICKHOUSE_BUSY'],
    ['202', 'CLICKHOUSE_BUSY'],
    ['241', 'CLICKHOUSE_TOO_LARGE'],
    ['516', 'CLICKHOUSE_DENIED'],
    ['60', 'CLICKHOUSE_NOT_MIGRATED'],
    ['62', 'CLICKHOUSE_REFUSED'],
  ])('under code %s is %s', (code, ours) => {
    expect(fromServer(code)).toBe(ours);
  });

  it('is an outage when nothing was said at all', () => {
    expect(translate(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })).code).toBe(
      'CLICKHOUSE_UNREACHABLE',
    );
    expect(translate(new Error('Timeout error.')).code).toBe('CLICKHOUSE_UNREACHABLE');
    expect(translate(new Error('<html>502 Bad Gateway')).code).toBe('CLICKHOUSE_UNREACHABLE');
  });

  it('is not blamed for a mistake of ours', () => {
    expect(translate(new TypeError('Do not know how to serialize a BigInt')).code).toBe('UNKNOWN');
  });
});
