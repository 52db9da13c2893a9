import { defineConfig } from 'vitest/config';

export default defineConfig({
  // React as the program has it, not the one that checks itself while it is developed.
  oxc: { jsx: { runtime: 'automatic', development: false } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Half of the time is that of processes that are waited for.
    maxWorkers: 2,
    testTimeout: 30_000,
    env: { TZ: 'UTC', NO_COLOR: '1' },
  },
});
