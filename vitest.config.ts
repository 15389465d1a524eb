import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks', // chDB crashes in worker threads
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
