import type { Entry, Json } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import type { HdfsStatus } from '../../protocols/webhdfs/webHdfs.ts';
import type { RestoreTarget } from '../dataSource.ts';
import { applyAttributes, applyPolicies } from './applyAttributes.ts';
import { asideFolder } from './asideFolder.ts';
import { withCostlyAttributes } from './complete.ts';
import type { Connection } from './connection.ts';
import { entryOf, inheritedFrom, NOTHING_INHERITED, type Inherited } from './entryOf.ts';
import { createOwnerMap, mapAclEntry } from './owners.ts';
import { parentOf } from './paths.ts';
import { REPLICATION } from './placement.ts';
import { readContent } from './readContent.ts';
import { isKind } from './sourceFailure.ts';
import { removeForeignAttributes, removeForeignPolicies } from './removeForeign.ts';
import { temporaryPrefix, unitOf, unitsOf, writtenPath, type Unit } from './targetPaths.ts';
import { writeFile, type FileDefaults } from './writeFile.ts';

/** The entries' part of a restoration, remembered per session: nothing here that cannot be asked again. */
export interface RestoreEntries {
  isRestored(entry: Entry, signal?: AbortSignal): Promise<boolean>;
  write(entry: Entry, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  settle(entry: Entry, signal?: AbortSignal): Promise<void>;
  stat(entry: Entry, signal?: AbortSignal): Promise<Entry | undefined>;
  read(entry: Entry, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

const REMEMBERED_DIRECTORIES = 10_000;

/**
 * What counts as handed down to the topmost entry of a restoration. It may have come from, and lie now, below any directory: a policy it has of its own
 * is compared whatever is above it, and one that it only gets from there is no difference.
 */
function aboveUnit(entry: Entry, above: Inherited): Inherited {
  const ecPolicy = entry.attributes['ecPolicy'];
  return {
    storagePolicy: entry.attributes['storagePolicy'] === undefined ? above.storagePolicy : NOTHING_INHERITED.storagePolicy,
    ecPolicy: ecPolicy === undefined ? above.ecPolicy : ecPolicy === REPLICATION ? ANY_POLICY : NOTHING_INHERITED.ecPolicy,
  };
}

/** Under it a directory without a policy shows that it has none. */
const ANY_POLICY = 'any';

export function createRestoreEntries(connection: Connection, target: RestoreTarget, defaults: () => Promise<FileDefaults>): RestoreEntries {
  const { client } = connection;
  const units = unitsOf(target);
  const owners = createOwnerMap(target.mapping.owners);
  const begun = new Map<string, Promise<number>>();
  const directories = new Map<string, HdfsStatus>();

  /** Ids of files grow for ever: what has a greater one than the staging folder was made after the restoration began. */
  function begunAt(unit: Unit): Promise<number> {
    let id = begun.get(unit.staging);
    if (id === undefined) {
      id = client.status(unit.staging).then((status) => status.fileId);
      id.catch(() => begun.delete(unit.staging));
      begun.set(unit.staging, id);
    }
    return id;
  }

  /** A file of ours bears its name only when it is whole, proved and has its times. */
  async function isOurs(entry: Entry, status: HdfsStatus): Promise<boolean> {
    return status.type === 'FILE' && status.length === entry.length && status.modificationTime === entry.attributes['modificationTime'] && status.fileId > (await begunAt(unitOf(units, entry.key)));
  }

  /** Where the entry is: where it was written, or after commitRestore where it belongs. */
  async function find(entry: Entry, signal: AbortSignal | undefined): Promise<{ readonly path: string; readonly status: HdfsStatus } | undefined> {
    const path = writtenPath(units, entry.key);
    const status = await client.statusOrUndefined(path, signal);
    if (status !== undefined) return { path, status };
    const unit = unitOf(units, entry.key);
    if (target.mode !== 'inPlace' || (await client.statusOrUndefined(unit.written, signal)) !== undefined) return undefined;
    const after = await client.statusOrUndefined(entry.key, signal);
    return after === undefined ? undefined : { path: entry.key, status: after };
  }

  async function directoryStatus(path: string, signal: AbortSignal | undefined): Promise<HdfsStatus> {
    let status = directories.get(path);
    if (status === undefined) {
      status = await client.status(path, signal);
      if (directories.size >= REMEMBERED_DIRECTORIES) directories.clear();
      directories.set(path, status);
    }
    return status;
  }

  /** A directory, also where a file was that may be overwritten. */
  async function makeDirectory(path: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await client.mkdirs(path, undefined, signal);
    } catch (error) {
      if (!isKind(error, 'exists')) throw error;
      if (target.existing !== 'force') throw new Failure('E_TARGET_EXISTS', `HDFS: ${path} is a file, and the set has a directory there`, { hint: 'move the file away, or let --existing force overwrite it', cause: error });
      await client.delete(path, { recursive: false }, signal);
      await client.mkdirs(path, undefined, signal);
    }
  }

  return {
    async isRestored(entry, signal) {
      if (entry.type !== 'file') return false; // directories cost one request either way
      const status = await client.statusOrUndefined(writtenPath(units, entry.key), signal);
      if (status === undefined) return false;
      return target.existing === 'skip' && target.mode !== 'inPlace' ? status.type === 'FILE' : isOurs(entry, status);
    },

    async write(entry, body, signal) {
      const path = writtenPath(units, entry.key);
      if (entry.type === 'directory') {
        await makeDirectory(path, signal);
        if (target.existing === 'force' && target.mode !== 'inPlace') await removeForeignPolicies(connection, entry, path, signal);
        await applyPolicies(connection, target, entry, path, signal);
        return;
      }
      if (entry.type === 'symlink') throw new Failure('E_UNSUPPORTED', `HDFS: ${entry.key} is a symbolic link, which WebHDFS servers do not create`);
      const folder = await asideFolder(connection, unitOf(units, entry.key), entry, await directoryStatus(parentOf(path), signal), signal) ?? parentOf(path);
      await writeFile(connection, target, entry, path, folder, body, await defaults(), async () => {
        const status = await client.statusOrUndefined(path, signal);
        return status !== undefined && isOurs(entry, status);
      }, signal);
    },

    async settle(entry, signal) {
      const path = writtenPath(units, entry.key);
      const status = await client.status(path, signal);
      for await (const page of client.listPaged(path, { startAfter: temporaryPrefix(target) }, signal)) {
        const left = page.filter((child) => child.pathSuffix.startsWith(temporaryPrefix(target)));
        for (const child of left) await client.delete(`${path}/${child.pathSuffix}`, {}, signal);
        if (left.length < page.length || page.length === 0) break;
      }
      const existedBefore = status.fileId < (await begunAt(unitOf(units, entry.key)));
      if (existedBefore && target.existing === 'skip') return;
      if (existedBefore && target.existing === 'force') await removeForeignAttributes(connection, entry, path, status, signal);
      await applyAttributes(connection, target, entry, path, status, signal);
      directories.delete(path);
    },

    async stat(entry, signal) {
      const found = await find(entry, signal);
      if (found === undefined) return undefined;
      const above = inheritedFrom(await directoryStatus(parentOf(found.path), signal));
      const inherited = unitOf(units, entry.key).key === entry.key ? aboveUnit(entry, above) : above;
      const bare = entryOf(entry.key, found.status, inherited, await connection.policies());
      const full = await withCostlyAttributes(connection, bare, found.path, signal);
      const attributes: Record<string, Json> = { ...full.attributes };
      attributes['owner'] = owners.from(found.status.owner, String(entry.attributes['owner']));
      attributes['group'] = owners.from(found.status.group, String(entry.attributes['group']));
      if (Array.isArray(attributes['acl'])) attributes['acl'] = (attributes['acl'] as string[]).map((one) => mapAclEntry(one, (name) => owners.from(name)));
      return { ...full, attributes };
    },

    async *read(entry, signal) {
      const found = await find(entry, signal);
      if (found === undefined) throw new Failure('E_SOURCE_PATH', `HDFS: ${entry.key} is not at the target`);
      yield* readContent(client, found.path, 0, found.status.length, signal);
      // A look to compare is no use of the file: HDFS noted it as one, and the access time that was restored would be gone.
      await client.setTimes(found.path, undefined, found.status.accessTime, signal).catch((error: unknown) => {
        if (!isKind(error, 'denied')) throw error;
      });
    },
  };
}
