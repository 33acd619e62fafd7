import { statfsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What needs servers, whole processes of ours, or minutes.
const withServers = ['test/lab/**/*.test.ts', 'test/servers/**/*.test.ts', 'test/journeys/**/*.test.ts', 'test/workflows/everyRefusal.test.ts', 'test/setup/**/*.test.ts', 'test/cli/ownProcess.test.ts', 'test/cli/destinationCheck.test.ts'];

/** What takes more than about a minute, the longest first, so that none is left alone at the end. What mostly waits is beside what mostly computes. */
const longest = [
  ...['journeys/destinations', 'journeys/kills', 'journeys/interference', 'servers/pairs', 'journeys/reap', 'journeys/sources', 'journeys/sharedDestinations', 'journeys/restoreAndMirror', 'servers/sourceConformance'],
  ...['journeys/damageAndSteering', 'journeys/lostBlocks', 'journeys/objectStoreFaults', 'journeys/localDisks', 'journeys/commands', 'journeys/guide', 'workflows/everyRefusal', 'journeys/terminalAndUp', 'journeys/mapping'],
  ...['journeys/cifsDestination', 'journeys/sftpDestination', 'servers/storageHdfs', 'journeys/killedCheck', 'journeys/nfsDestination', 'servers/storageCifs', 'servers/dbserviceRestore', 'servers/cifsLine', 'journeys/storm'],
  ...['workflows/backup', 'workflows/steeredBackup', 'format/overlay', 'cli/commandLine', 'format/corruption', 'storage/conformance', 'format/incrementalVerification', 'format/roundTrip', 'workflows/everyStep'],
];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => longest.findIndex((name) => moduleId.endsWith(`${name}.test.ts`));
    const rank = (file: TestSpecification): number => (place(file) < 0 ? longest.length : place(file));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** The fast tests write many small files and wait for each to be on the disk; what a disk adds to that the journeys see. Undefined: the usual folder. */
function temporaryFolder(): string | undefined {
  const folder = '/dev/shm';
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > 2 ** 30 ? folder : undefined;
  } catch {
    return undefined;
  }
}
const inMemory = temporaryFolder();

export default defineConfig({
  test: {
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    projects: [
      // Processes are shared: nothing here keeps anything beside its own test, and loading the program anew for each file took as long as a fifth of the tests.
      { test: { name: 'fast', pool: 'forks', isolate: false, env: inMemory === undefined ? {} : { TMPDIR: inMemory }, include: ['test/**/*.test.ts'], exclude: withServers, sequence: { groupOrder: 0 }, maxWorkers: 4, testTimeout: 60_000, hookTimeout: 60_000 } },
      // Real servers: few at a time, and patience with them. Half of it is waiting for deaths to be noticed, so more of them than processors. What passes only at the second try is shown (`retry x1`), and is a bug to look at.
      { test: { name: 'servers', pool: 'forks', include: withServers, sequence: { groupOrder: 1 }, maxWorkers: 4, testTimeout: 120_000, hookTimeout: 180_000, retry: 1 } },
    ],
  },
});
