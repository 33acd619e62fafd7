import { answers } from './answers.ts';
import type { Call } from './caller.ts';
import type { SnapshotDiff } from './snapshotDiff.ts';
import type { WebHdfs } from './webHdfs.ts';
import { WebHdfsError } from './webHdfsError.ts';

type SnapshotCalls = Pick<WebHdfs, 'allowSnapshot' | 'disallowSnapshot' | 'createSnapshot' | 'deleteSnapshot' | 'renameSnapshot' | 'snapshots' | 'snapshottableDirectories' | 'snapshotDiff'>;

/** Snapshots and what changed between two of them. */
export function createSnapshotCalls(call: Call): SnapshotCalls {
  return {
    async allowSnapshot(path, signal) {
      await call('PUT', 'ALLOWSNAPSHOT', path, {}, signal);
    },
    async disallowSnapshot(path, signal) {
      await call('PUT', 'DISALLOWSNAPSHOT', path, {}, signal);
    },
    async createSnapshot(path, name, signal) {
      if (name === '') throw new TypeError('a snapshot needs a name'); // without one the server invents one
      await call('PUT', 'CREATESNAPSHOT', path, { snapshotname: name }, signal);
    },
    async deleteSnapshot(path, name, signal) {
      await call('DELETE', 'DELETESNAPSHOT', path, { snapshotname: name }, signal);
    },
    async renameSnapshot(path, from, to, signal) {
      await call('PUT', 'RENAMESNAPSHOT', path, { oldsnapshotname: from, snapshotname: to }, signal);
    },
    async snapshots(path, signal) {
      const names: string[] = [];
      try {
        const answer = await call('GET', 'GETSNAPSHOTLIST', path, {}, signal, answers.snapshots);
        // A snapshot the garbage collector still holds is gone for everybody else.
        return answer.SnapshotList.filter((one) => one.deletionStatus === 'ACTIVE').map((one) => one.dirStatus.pathSuffix);
      } catch (error) {
        if (!notOffered(error)) throw error;
      }
      // Before Hadoop 3.3.1 (HDFS-15626 line): the names are those of `.snapshot`.
      const page = await call('GET', 'LISTSTATUS', `${path === '/' ? '' : path}/.snapshot`, {}, signal, answers.listing);
      for (const one of page.FileStatuses.FileStatus) names.push(one.pathSuffix);
      return names;
    },
    async snapshottableDirectories(signal) {
      const answer = await call('GET', 'GETSNAPSHOTTABLEDIRECTORYLIST', '/', {}, signal, answers.snapshottable);
      return (answer.SnapshottableDirectoryList ?? []).map((one) => ({
        path: `${one.parentFullPath === '/' ? '' : one.parentFullPath}/${one.dirStatus.pathSuffix}`,
        snapshotCount: one.snapshotNumber,
        snapshotQuota: one.snapshotQuota,
      }));
    },
    async *snapshotDiff(path, from, to, signal) {
      if (from === '') throw new TypeError('a snapshot diff needs the name of the older snapshot'); // without names the answer is an empty list
      let begun = false;
      try {
        for await (const diff of pagedDiff(call, path, from, to, signal)) {
          begun = true;
          yield diff;
        }
        return;
      } catch (error) {
        if (begun || !notOffered(error)) throw error;
      }
      yield* wholeDiff(call, path, from, to, signal);
    },
  };
}

/** Whether a server is too old to know the operation: it refuses the value of `op`. */
function notOffered(error: unknown): boolean {
  return error instanceof WebHdfsError && (error.exception === 'IllegalArgumentException' || error.exception === 'UnsupportedOperationException') && /Invalid value for webhdfs parameter "op"|No enum const|not supported/i.test(error.message);
}

async function* wholeDiff(call: Call, path: string, from: string, to: string, signal: AbortSignal | undefined): AsyncIterable<SnapshotDiff> {
  const answer = await call('GET', 'GETSNAPSHOTDIFF', path, { oldsnapshotname: from, snapshotname: to }, signal, answers.diff);
  for (const { type, sourcePath, targetPath } of answer.SnapshotDiffReport.diffList) {
    yield type === 'RENAME' && targetPath !== undefined ? { type, path: sourcePath, target: targetPath } : { type, path: sourcePath };
  }
}

/**
 * The paged form. Both halves of a rename come with the same file id, on whatever pages: `createList` has a reference, `deleteList` the target too.
 * So created references are kept until the end, and those without the other half are plain creations.
 * The end is an empty `lastPath` with `lastIndex` -1; -1 alone only says that the next page begins with a new directory.
 */
async function* pagedDiff(call: Call, path: string, from: string, to: string, signal: AbortSignal | undefined): AsyncIterable<SnapshotDiff> {
  const created = new Map<number, string>();
  const renamed = new Set<number>();
  let startPath = '';
  let index = -1;
  for (;;) {
    const { SnapshotDiffReportListing: page } = await call(
      'GET', 'GETSNAPSHOTDIFFLISTING', path, { oldsnapshotname: from, snapshotname: to, snapshotdiffstartpath: startPath, snapshotdiffindex: index }, signal, answers.diffPage);
    for (const one of page.modifyList) yield { type: 'MODIFY', path: one.sourcePath ?? '' };
    for (const one of page.createList) {
      if (!one.isReference) yield { type: 'CREATE', path: one.sourcePath ?? '' };
      else if (!renamed.delete(one.fileId)) created.set(one.fileId, one.sourcePath ?? '');
    }
    for (const one of page.deleteList) {
      if (typeof one.targetPath !== 'string') {
        yield { type: 'DELETE', path: one.sourcePath ?? '' };
        continue;
      }
      yield { type: 'RENAME', path: one.sourcePath ?? '', target: one.targetPath };
      if (!created.delete(one.fileId)) renamed.add(one.fileId);
    }
    if (page.lastIndex === -1 && page.lastPath === '') break;
    if (page.lastIndex === index && page.lastPath === startPath) throw new WebHdfsError('the server repeats a page of the diff', { kind: 'invalid', exception: 'UnexpectedAnswer', status: 200, op: 'GETSNAPSHOTDIFFLISTING', path });
    startPath = page.lastPath;
    index = page.lastIndex;
  }
  for (const one of created.values()) yield { type: 'CREATE', path: one };
}
