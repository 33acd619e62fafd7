import { defineConfig } from 'vitest/config';

// What needs servers, or minutes.
const withServers = ['test/lab/**/*.test.ts', 'test/servers/**/*.test.ts', 'test/journeys/**/*.test.ts', 'test/workflows/everyRefusal.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      { test: { name: 'fast', pool: 'forks', include: ['test/**/*.test.ts'], exclude: withServers, maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 } },
      // Real servers: few at a time, and patience with them.
      { test: { name: 'servers', pool: 'forks', include: withServers, maxWorkers: 2, testTimeout: 120_000, hookTimeout: 180_000 } },
    ],
  },
});
