import { createReadStream, createWriteStream } from 'node:fs';
import * as fs from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { z } from 'zod';
import type { DataSource, Handle, SourceSession } from '../components/dataSource.ts';
import { compareKeys } from '../contracts/compareKeys.ts';
import type { Change, Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';

const instance = z.strictObject({ root: z.string().startsWith('/') });
const selection = z.strictObject({});
const readBytes = 1 << 20;

/**
 * A folder of this machine as a data source, for measuring: what peers read, read by us. Its handle is a listing, so that an increment is a comparison
 * of two listings, as it is with snapshots. It stands still only if nobody touches it, and nothing can be restored into it: no source for users.
 */
export const localTreeSource: DataSource<z.infer<typeof instance>, z.infer<typeof selection>> = {
  name: 'localtree', component: 'LocalTree', kind: 'serviceData', instance, selection, chunking: 'fixed', runsAfter: [], neverWith: {}, incomparableAttributes: [], covered: () => 'none',
  ownsKey: (key) => key.startsWith('/'),
  connect: async ({ root }, { scratchFolder }) => session(root, scratchFolder),
};

function session(root: string, scratch: string): SourceSession<z.infer<typeof selection>> {
  const listing = (name: string): string => join(scratch, `${name}.listing`);
  const cannot = async (): Promise<never> => { throw new Failure('E_UNSUPPORTED', 'a local tree is only read, for measuring'); };
  async function* entries(handle: Handle): AsyncGenerator<Entry> {
    if (!fs.existsSync(listing(handle.name))) throw new Failure('E_HANDLE_LOST', `no listing ${handle.name}`);
    for await (const line of createInterface({ input: createReadStream(listing(handle.name), { highWaterMark: readBytes }) })) yield JSON.parse(line) as Entry;
  }
  return {
    preflight: async () => ({ version: '1', problems: [] }),
    async takeHandle(name) {
      await mkdir(scratch, { recursive: true });
      if (!fs.existsSync(listing(name))) await writeListing(root, listing(name));
      return { name, takenAt: (await stat(listing(name))).mtime.toISOString(), data: {} };
    },
    dropHandle: (name) => rm(listing(name), { force: true }),
    listHandles: async () => fs.readdirSync(scratch).flatMap((name) => (name.endsWith('.listing') ? [name.slice(0, -'.listing'.length)] : [])),
    async *plan(handle, _selection, since, report) {
      report({ kind: since === undefined ? 'full' : 'incremental' });
      if (since === undefined) for await (const entry of entries(handle)) yield { op: 'put', entry };
      else yield* changes(entries(since.handle), entries(handle));
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
    localContent: (_handle, entry) => join(root, entry.key),
    planRestore: cannot, beginRestore: cannot, isRestored: cannot, writeEntry: cannot, settleDirectory: cannot, finishRestore: cannot, statRestored: cannot,
    readRestored() { throw new Failure('E_UNSUPPORTED', 'a local tree is only read, for measuring'); },
    comparable: () => 'content', commitRestore: cannot, rollbackRestore: cannot, releaseRestore: cannot, isUnfinished: async () => false,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function writeListing(root: string, file: string): Promise<void> {
  const out = createWriteStream(`${file}.new`);
  let lines: string[] = [];
  const flush = async (): Promise<void> => {
    if (!out.write(lines.join(''))) await once(out, 'drain');
    lines = [];
  };
  for (const entry of walk(root, '')) {
    lines.push(`${JSON.stringify(entry)}\n`);
    if (lines.length === 4096) await flush();
  }
  await flush();
  out.end();
  await once(out, 'close');
  await rename(`${file}.new`, file);
}

function* walk(root: string, below: string): Generator<Entry> {
  yield entryOf(below === '' ? '/' : below, fs.lstatSync(join(root, below)));
  const names = fs.readdirSync(join(root, below)).sort((a, b) => compareKeys(a, b));
  for (const name of names) {
    const key = `${below}/${name}`;
    const status = fs.lstatSync(join(root, key));
    if (status.isDirectory()) yield* walk(root, key);
    else if (status.isFile()) yield entryOf(key, status);
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
async function* changes(before: AsyncGenerator<Entry>, now: AsyncGenerator<Entry>): AsyncGenerator<Change> {
  let old = (await before.next()).value as Entry | undefined;
  for await (const entry of now) {
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
