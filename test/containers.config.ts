import { defineConfig } from 'vitest/config';
import { SHARED, STACK_TESTS } from '../vitest.config.js';

/** `npm run test:containers`: the tests of the project `stack`, against the images of docker-compose.yml. */
export default defineConfig({
  test: {
    ...SHARED,
    name: 'containers',
    ...STACK_TESTS,
    // These start ClickHouse's HTTP process of the embedded stack themselves: no image is in them.
    exclude: [...STACK_TESTS.exclude, 'test/integration/clickhouse-http*.test.ts'],
    globalSetup: ['test/containers.ts'],
  },
});
