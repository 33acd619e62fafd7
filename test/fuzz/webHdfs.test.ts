import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { WebHdfsError } from '../../protocols/webhdfs/webHdfsError.ts';
import { fuzz, mutatedBytes, mutatedJson } from './mutate.ts';

// A server that answers everything with the same bytes: what a real one does not do. That the true answers are understood, the tests against real ones show.
let answer: Buffer = Buffer.alloc(0);
let asked = 0;
const server = createServer((_request, response) => {
  asked++;
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(answer);
});
let client: WebHdfs;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = createWebHdfs({ urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`], user: 'u', timeoutMs: 5000, stallMs: 5000 });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const status = { pathSuffix: 'a', type: 'FILE', length: 3, owner: 'o', group: 'g', permission: '644', modificationTime: 1, accessTime: 1, blockSize: 1024, replication: 1, fileId: 16400, childrenNum: 0, storagePolicy: 0 };
const quota = { fileAndDirectoryCount: 1, quota: -1, spaceConsumed: 0, spaceQuota: -1, typeQuota: { SSD: { quota: 1, consumed: 0 } } };
const diffEntry = { dirId: 1, fileId: 2, isReference: false, sourcePath: 'a' };
/** Answers as Hadoop 3.5 gives them, and who reads them. */
const reads: readonly (readonly [object, (from: WebHdfs) => Promise<unknown>])[] = [
  [{ FileStatus: status }, (from) => from.status('/a')],
  [{ DirectoryListing: { partialListing: { FileStatuses: { FileStatus: [status, { ...status, pathSuffix: 'b', type: 'DIRECTORY' }] } }, remainingEntries: 0 } }, async (from) => await takeSome(from.listPaged('/a'))],
  [{ AclStatus: { owner: 'o', group: 'g', permission: '644', stickyBit: false, entries: ['user:a:r--'] } }, (from) => from.acl('/a')],
  [{ XAttrs: [{ name: 'user.a', value: '0x00ff' }] }, (from) => from.xattrs('/a')],
  [{ QuotaUsage: quota }, (from) => from.quotaUsage('/a')],
  [{ ContentSummary: { ...quota, length: 1, fileCount: 1, directoryCount: 0 } }, (from) => from.contentSummary('/a')],
  [{ FsServerDefaults: { blockSize: 1, bytesPerChecksum: 512, checksumType: 2, replication: 3, keyProviderUri: '' } }, (from) => from.serverDefaults()],
  [{ SnapshotList: [{ dirStatus: status, deletionStatus: 'ACTIVE' }] }, (from) => from.snapshots('/a')],
  [{ SnapshottableDirectoryList: [{ dirStatus: status, parentFullPath: '/', snapshotNumber: 1, snapshotQuota: 65536 }] }, (from) => from.snapshottableDirectories()],
  [{ SnapshotDiffReportListing: { createList: [diffEntry], deleteList: [diffEntry], modifyList: [diffEntry], lastIndex: -1, lastPath: '' } }, async (from) => await takeSome(from.snapshotDiff('/a', 's0', 's1'))],
  [{ Location: 'http://127.0.0.1:1/webhdfs/v1/a?op=OPEN' }, async (from) => await takeSome(from.open('/a', 0, 3))],
  [{ BlockLocations: { BlockLocation: [{ offset: 0, length: 1, hosts: ['h'] }] } }, (from) => from.blockLocations('/a', 0, 1)],
  [{ BlockStoragePolicies: { BlockStoragePolicy: [{ id: 7, name: 'HOT' }] } }, (from) => from.storagePolicies()],
  [{ ErasureCodingPolicies: { ErasureCodingPolicyInfo: [{ state: 'ENABLED', policy: { name: 'RS-6-3-1024k' } }] } }, (from) => from.ecPolicies()],
  [{ beans: [{ name: 'x' }] }, (from) => from.jmx('Hadoop:service=NameNode,name=FSNamesystem')],
  [{ property: { key: 'a', value: 'b' } }, (from) => from.conf('a')],
];

/** All of it, as long as it does not go on for ever. */
async function takeSome(source: AsyncIterable<unknown>): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const each of source) {
    taken.push(each);
    if (taken.length > 1000) throw new Error('it goes on for ever');
  }
  return taken;
}

test.each(reads)('%j is understood, and changed in any way it is understood or refused', async (original, read) => {
  answer = Buffer.from(JSON.stringify(original));
  if (!('Location' in original)) await read(client);
  const holds = async (bytes: Buffer): Promise<void> => {
    answer = bytes;
    asked = 0;
    try {
      await read(client);
    } catch (error) {
      if (!(error instanceof WebHdfsError)) throw error;
      expect(error.message).not.toBe('');
    }
    expect(asked).toBeLessThan(1100);
  };
  await fc.assert(fc.asyncProperty(mutatedJson(original), async (changed) => await holds(Buffer.from(JSON.stringify(changed)))), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 4) });
  await fc.assert(fc.asyncProperty(mutatedBytes(Buffer.from(JSON.stringify(original))), holds), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 4) });
});
