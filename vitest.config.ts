import { defineConfig } from 'vitest/config';

export const SHARED = {
  pool: 'forks', // chDB crashes in worker threads
  testTimeout: 60_000,
  hookTimeout: 180_000,
} as const;

/** Also run by test/containers.config.ts, against servers in containers. */
export const STACK_TESTS = {
  include: ['test/integration/**/*.test.ts', 'test/faults/**/*.test.ts'],
  exclude: ['test/integration/embedded*.test.ts'],
};

/**
 * Three groups, run one after the other. Only `stack` pays for the servers it shares (test/stack.ts), and only when one of
 * its tests is run; `embedded` is about the stack itself and starts its own.
 */
export default defineConfig({
  test: {
    ...SHARED,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/faults/**'],
          // Nothing but computing: every core is of use.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'stack',
          ...STACK_TESTS,
          // What only a server in a container has.
          exclude: [...STACK_TESTS.exclude, 'test/integration/container-*.test.ts'],
          globalSetup: ['test/stack.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'embedded',
          include: ['test/integration/embedded*.test.ts'],
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
