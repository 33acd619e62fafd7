import * as fs from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { DataSource, Handle, SourceSession } from '../components/dataSource.ts';
import { compareKeys } from '../contracts/compareKeys.ts';
import type { Change, Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';

const instance = z.strictObject({ root: z.string().startsWith('/') });
const selection = z.strictObject({});
const readBytes = 1 << 20;
const linesAtOnce = 8192;

/**
 * A folder of this machine as a data source, for measuring: what peers read, read by us. It is listed once, while it is planned, and the listing is kept
 * for its handle, so that an increment is a comparison of two listings, as it is with snapshots. It stands still only if nobody touches it, and nothing
 * can be restored into it: no source for users.
 */
export const localTreeSource: DataSource<z.infer<typeof instance>, z.infer<typeof selection>> = {
  name: 'localtree', component: 'LocalTree', kind: 'serviceData', instance, selection, chunking: 'fixed', runsAfter: [], neverWith: {}, incomparableAttributes: [], covered: () => 'none',
  ownsKey: (key) => key.startsWith('/'),
  connect: async ({ root }, { scratchFolder }) => session(root, scratchFolder),
};

function session(root: string, scratch: string): SourceSession<z.infer<typeof selection>> {
  const listing = (name: string): string => join(scratch, `${name}.listing`);
  const taken = (name: string): string => join(scratch, `${name}.taken`);
  const cannot = async (): Promise<never> => { throw new Failure('E_UNSUPPORTED', 'a local tree is only read, for measuring'); };
  async function* entries(handle: Handle): AsyncGenerator<Entry> {
    if (!fs.existsSync(listing(handle.name))) throw new Failure('E_HANDLE_LOST', `no listing ${handle.name}`);
    for await (const line of createInterface({ input: fs.createReadStream(listing(handle.name), { highWaterMark: readBytes }) })) yield JSON.parse(line) as Entry;
  }
  return {
    preflight: async () => ({ version: '1', problems: [] }),
    async takeHandle(name) {
      await mkdir(scratch, { recursive: true });
      if (!fs.existsSync(taken(name))) fs.writeFileSync(taken(name), '');
      return { name, takenAt: fs.statSync(taken(name)).mtime.toISOString(), data: {} };
    },
    async dropHandle(name) {
      for (const file of [listing(name), `${listing(name)}.new`, taken(name)]) await rm(file, { force: true });
    },
    listHandles: async () => fs.readdirSync(scratch).flatMap((name) => (name.endsWith('.taken') ? [name.slice(0, -'.taken'.length)] : [])),
    async *plan(handle, _selection, since, report) {
      report({ kind: since === undefined ? 'full' : 'incremental' });
      const now = listed(root, listing(handle.name));
      if (since === undefined) for (const entry of now) yield { op: 'put', entry };
      else yield* changes(entries(since.handle), now);
    },
    describe: async () => ({ version: '1', inventory: { root }, warnings: [], openKeys: [] }),
    complete: (_handle, entry) => entry,
    async *read(_handle, entry, offset, length) {
      const fd = fs.openSync(join(root, entry.key), 'r');
      try {
        for (let at = 0; at < length;) {
          const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, length - at));
          const count = fs.readSync(fd, buffer, 0, buffer.length, offset + at);
          if (count === 0) return;
          at += count;
          yield buffer.subarray(0, count);
        }
      } finally {
        fs.closeSync(fd);
      }
    },
    localContent: (_handle, entry) => `${root}${entry.key}`,
    planRestore: cannot, beginRestore: cannot, isRestored: cannot, writeEntry: cannot, settleDirectory: cannot, finishRestore: cannot, statRestored: cannot,
    readRestored() { throw new Failure('E_UNSUPPORTED', 'a local tree is only read, for measuring'); },
    comparable: () => 'content', commitRestore: cannot, rollbackRestore: cannot, releaseRestore: cannot, isUnfinished: async () => false,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Lists the folder; what was listed is kept in `file`, for the next increment, when it is whole. */
function* listed(root: string, file: string): Generator<Entry> {
  const out = fs.openSync(`${file}.new`, 'w');
  try {
    let lines: string[] = [];
    for (const entry of walk(root, '')) {
      lines.push(JSON.stringify(entry), '\n');
      if (lines.length >= linesAtOnce) {
        fs.appendFileSync(out, lines.join(''));
        lines = [];
      }
      yield entry;
    }
    fs.appendFileSync(out, lines.join(''));
  } finally {
    fs.closeSync(out);
  }
  fs.renameSync(`${file}.new`, file);
}

function* walk(root: string, key: string): Generator<Entry> {
  const folder = `${root}${key}`;
  yield entryOf(key === '' ? '/' : key, fs.lstatSync(folder));
  for (const name of fs.readdirSync(folder).sort(compareKeys)) {
    const below = `${key}/${name}`;
    const status = fs.lstatSync(`${root}${below}`);
    if (status.isDirectory()) yield* walk(root, below);
    else if (status.isFile()) yield entryOf(below, status);
  }
}

function entryOf(key: string, status: fs.Stats): Entry {
  const isFile = status.isFile();
  return {
    key, type: isFile ? 'file' : 'directory', length: isFile ? status.size : 0,
    attributes: { permission: (status.mode & 0o7777).toString(8), owner: String(status.uid), group: String(status.gid), modificationTime: Math.floor(status.mtimeMs), changeTime: Math.floor(status.ctimeMs), fileId: status.ino },
  };
}

/** Both in key order; what is gone goes with everything below it. */
async function* changes(before: AsyncGenerator<Entry>, now: Iterable<Entry>): AsyncGenerator<Change> {
  let old = (await before.next()).value as Entry | undefined;
  for (const entry of now) {
    while (old !== undefined && compareKeys(old.key, entry.key) < 0) {
      yield { op: 'remove', key: old.key };
      old = (await before.next()).value as Entry | undefined;
    }
    if (old?.key === entry.key) {
      if (JSON.stringify(old) !== JSON.stringify(entry)) yield { op: 'put', entry };
      old = (await before.next()).value as Entry | undefined;
    } else {
      yield { op: 'put', entry };
    }
  }
  for (; old !== undefined; old = (await before.next()).value as Entry | undefined) yield { op: 'remove', key: old.key };
}
