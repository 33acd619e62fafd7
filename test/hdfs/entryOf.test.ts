import { expect, test } from 'vitest';
import { entryOf, NOTHING_INHERITED } from '../../components/hdfs/entryOf.ts';
import type { HdfsStatus } from '../../protocols/webhdfs/webHdfs.ts';

// What the lab's HDFS cannot show: it refuses to create symbolic links, and zones need a key server.
const status: HdfsStatus = { pathSuffix: 'x', type: 'FILE', length: 7, owner: 'o', group: 'g', permission: '644', modificationTime: 1, accessTime: 2, blockSize: 3, replication: 1, fileId: 4, childrenNum: 0, storagePolicy: 0, aclBit: false, encBit: false, ecBit: false, snapshotEnabled: false, ecPolicy: undefined, symlink: undefined };

test('a symbolic link is an entry with its target, and a gap that says why it cannot come back', () => {
  const entry = entryOf('/d/x', { ...status, type: 'SYMLINK', length: 0, symlink: '/d/target' }, NOTHING_INHERITED, new Map());
  expect(entry).toMatchObject({ type: 'symlink', length: 0, attributes: { symlink: '/d/target', owner: 'o' }, gap: expect.stringMatching(/to \/d\/target: HDFS refuses/) });
});

test('what lies in an encryption zone is an entry with a gap, files and directories alike', () => {
  for (const type of ['FILE', 'DIRECTORY'] as const) expect(entryOf('/z', { ...status, type, encBit: true }, NOTHING_INHERITED, new Map()).gap).toContain('encryption zone');
  expect(entryOf('/d/x', status, NOTHING_INHERITED, new Map()).gap).toBeUndefined();
});
