import { inject } from 'vitest';

/** Where the servers are that the tests share, as a program is told it. */
export function serverEnv() {
  const { brokers, registryUrl, clickhouseUrl, clickhouseUser, clickhousePassword } = inject('endpoints');
  return {
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registryUrl,
    CLICKHOUSE_URL: clickhouseUrl,
    CLICKHOUSE_USER: clickhouseUser,
    CLICKHOUSE_PASSWORD: clickhousePassword,
  };
}
