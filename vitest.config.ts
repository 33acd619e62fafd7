import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What needs servers, or minutes.
const withServers = ['test/lab/**/*.test.ts', 'test/servers/**/*.test.ts', 'test/journeys/**/*.test.ts', 'test/workflows/everyRefusal.test.ts'];

/** The longest first, so that none is left alone at the end. */
const longest = ['journeys/destinations', 'workflows/everyRefusal', 'journeys/kills', 'servers/pairs', 'journeys/sharedDestinations', 'journeys/commands', 'journeys/reap', 'journeys/damageAndSteering', 'journeys/sources', 'workflows/backup'];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => longest.findIndex((name) => moduleId.endsWith(`${name}.test.ts`));
    const rank = (file: TestSpecification): number => (place(file) < 0 ? longest.length : place(file));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'fast', pool: 'forks', include: ['test/**/*.test.ts'], exclude: withServers, sequence: { groupOrder: 0 }, maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 } },
      // Real servers: few at a time, and patience with them. Much of it is waiting for deaths to be noticed. What passes only at the second try is shown (`retry x1`), and is a bug to look at.
      { test: { name: 'servers', pool: 'forks', include: withServers, sequence: { groupOrder: 1 }, maxWorkers: 3, testTimeout: 120_000, hookTimeout: 180_000, retry: 1 } },
    ],
  },
});
