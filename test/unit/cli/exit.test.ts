import { describe, expect, it } from 'vitest';
import { sentenceOf, usageError } from '../../../services/cli/exit.js';
import { BacktrailError } from '../../../services/shared/errors.js';

describe('what a user is told', () => {
  it.each([
    [
      'who could not be reached, not only which address',
      new BacktrailError('CLICKHOUSE_UNREACHABLE', 'connect ECONNREFUSED 127.0.0.1:1'),
      'ClickHouse cannot be reached. (connect ECONNREFUSED 127.0.0.1:1)',
    ],
    ['the sentence once', new BacktrailError('KAFKA_UNREACHABLE', ''), 'The Kafka brokers cannot be reached.'],
    ['what is wrong, where that says it all', new BacktrailError('CONFIG_INVALID', 'PORT is odd'), 'PORT is odd'],
    ['a wrong argument as it is', usageError('--at is wrong'), '--at is wrong'],
    ['something that is no error', 'gone', 'gone'],
  ])('is %s', (_name, error, sentence) => {
    expect(sentenceOf(error)).toBe(sentence);
  });
});
