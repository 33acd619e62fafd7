import type { HdfsStatus, WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import type { RestoreTarget } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { fullAclSpec } from './owners.ts';
import { joinPath, nameOf } from './paths.ts';
import { isKind } from './sourceFailure.ts';
import { unitsOf, type Unit } from './targetPaths.ts';

/*
 * Every step is decided by what exists, so that a crash anywhere leads back here and on.
 *
 * A directory with snapshots (ours, as a rule) cannot be renamed. Then its children change places one by one:
 *   no marker: children of `final` are old and go to `kept`;   marker: children of `written` are new and go to `final`.
 * The marker is a folder in the staging folder, made when the last old child has left. A directory that loses its children gets another
 * modification time, so those of `final` and `written` are kept beforehand, as the times of folders in the staging folder.
 */

function marker(unit: Unit): string {
  return `${unit.staging}/.swapped-${nameOf(unit.final)}`;
}

/** Keeps the modification time of what is at `path` now; once per name, also over a crash. */
async function keepTime(client: WebHdfs, unit: Unit, name: 'final' | 'written'): Promise<void> {
  const kept = keptTime(unit, name);
  if ((await client.statusOrUndefined(kept)) !== undefined) return;
  await client.mkdirs(`${kept}.new`);
  await client.setTimes(`${kept}.new`, (await client.status(unit[name])).modificationTime, undefined);
  await client.rename(`${kept}.new`, kept);
}

function keptTime(unit: Unit, name: 'final' | 'written'): string {
  return `${unit.staging}/.time-${name}-${nameOf(unit.final)}`;
}

/** Puts everything that was written in place. Returns where the old content is kept. */
export async function commitRestore({ client }: Connection, target: RestoreTarget): Promise<{ readonly safetyPoint: string | undefined }> {
  if (target.mode !== 'inPlace') return { safetyPoint: undefined };
  const kept: string[] = [];
  for (const unit of unitsOf(target)) {
    await commitUnit(client, unit);
    if ((await client.statusOrUndefined(unit.kept)) !== undefined) kept.push(unit.kept);
  }
  return { safetyPoint: kept.length === 0 ? undefined : kept.join(', ') };
}

async function commitUnit(client: WebHdfs, unit: Unit): Promise<void> {
  const written = await client.statusOrUndefined(unit.written);
  if (written === undefined) return; // done, or nothing was written
  const final = await client.statusOrUndefined(unit.final);
  const kept = await client.statusOrUndefined(unit.kept);
  if (final === undefined) {
    await client.rename(unit.written, unit.final);
    return;
  }
  if (kept === undefined) {
    try {
      await client.rename(unit.final, unit.kept);
      await client.rename(unit.written, unit.final);
      return;
    } catch (error) {
      if (!isKind(error, 'snapshot')) throw error;
    }
    for (const name of ['final', 'written'] as const) await keepTime(client, unit, name);
    await client.mkdirs(unit.kept);
  }
  if ((await client.statusOrUndefined(marker(unit))) === undefined) {
    await moveChildren(client, unit.final, unit.kept);
    const { modificationTime } = await client.status(keptTime(unit, 'final'));
    await copyAttributes(client, unit.final, { ...(await client.status(unit.final)), modificationTime }, unit.kept);
    await client.mkdirs(marker(unit));
  }
  await moveChildren(client, unit.written, unit.final);
  const { modificationTime } = await client.status(keptTime(unit, 'written'));
  await copyAttributes(client, unit.written, { ...written, modificationTime }, unit.final);
  await client.delete(unit.written, { recursive: false });
}

/** Undoes commitRestore as far as it came, and removes what the restoration made. */
export async function rollbackRestore({ client }: Connection, target: RestoreTarget): Promise<void> {
  const units = unitsOf(target);
  for (const unit of units) {
    if (target.mode === 'inPlace') await rollbackUnit(client, unit);
    else if ((await client.statusOrUndefined(unit.created)) !== undefined) await client.delete(unit.final, { recursive: true });
  }
  for (const unit of units) await client.delete(unit.staging, { recursive: true });
}

async function rollbackUnit(client: WebHdfs, unit: Unit): Promise<void> {
  // Without the staging folder the restoration was released: then the swap was complete. (Or rolled back already: then nothing is kept.)
  const released = (await client.statusOrUndefined(unit.staging)) === undefined;
  const kept = await client.statusOrUndefined(unit.kept);
  const wasThere = (await client.statusOrUndefined(unit.created)) === undefined;
  if (kept === undefined) {
    // Nothing was moved away: either there was nothing, or the swap did not begin.
    if (!released && !wasThere && (await client.statusOrUndefined(unit.written)) === undefined) await client.delete(unit.final, { recursive: true });
    return;
  }
  const final = await client.statusOrUndefined(unit.final);
  const childByChild = final !== undefined && (await client.statusOrUndefined(`${unit.final}/.snapshot`)) !== undefined;
  if (!childByChild) {
    if (final !== undefined) await client.delete(unit.final, { recursive: true });
    await client.rename(unit.kept, unit.final);
    return;
  }
  // Before the marker `final` still has its own attributes, and those of `kept` may not be there yet.
  const swapped = released || (await client.statusOrUndefined(marker(unit))) !== undefined;
  if (swapped) {
    for await (const page of freshPages(client, unit.final)) for (const child of page) await client.delete(joinPath(unit.final, child.pathSuffix), { recursive: true });
    await copyAttributes(client, unit.kept, kept, unit.final);
    await client.delete(marker(unit), { recursive: true });
  }
  await moveChildren(client, unit.kept, unit.final);
  // After a release only what is kept knows its time.
  const { modificationTime } = (await client.statusOrUndefined(keptTime(unit, 'final'))) ?? kept;
  await client.setTimes(unit.final, modificationTime, undefined);
  await client.delete(unit.kept);
}

/** Pages of a directory that loses its children meanwhile: always the first. */
async function* freshPages(client: WebHdfs, path: string): AsyncGenerator<readonly HdfsStatus[]> {
  for (;;) {
    let found = false;
    for await (const page of client.listPaged(path)) {
      if (page.length > 0) {
        found = true;
        yield page;
      }
      break;
    }
    if (!found) return;
  }
}

async function moveChildren(client: WebHdfs, from: string, to: string): Promise<void> {
  for await (const page of freshPages(client, from)) {
    for (const child of page) await client.rename(joinPath(from, child.pathSuffix), joinPath(to, child.pathSuffix));
  }
}

/** The attributes of one directory onto another, which stays the same inode. */
async function copyAttributes(client: WebHdfs, from: string, status: HdfsStatus, to: string): Promise<void> {
  const there = await client.status(to);
  if (there.owner !== status.owner || there.group !== status.group) await client.setOwner(to, status.owner, status.group);
  if (there.aclBit) await client.removeAcl(to);
  await client.setPermission(to, status.permission);
  if (status.aclBit) await client.setAcl(to, fullAclSpec((await client.acl(from)).entries, status.permission));
  const wanted = await client.xattrs(from);
  for (const name of Object.keys(await client.xattrs(to))) if (!(name in wanted)) await client.removeXattr(to, name);
  for (const [name, hex] of Object.entries(wanted)) await client.setXattr(to, name, hex);
  if (there.storagePolicy !== status.storagePolicy) {
    const policy = (await client.storagePolicies()).find((one) => one.id === status.storagePolicy);
    await (policy === undefined ? client.unsetStoragePolicy(to) : client.setStoragePolicy(to, policy.name));
  }
  await copyQuota(client, from, to);
  await client.setTimes(to, status.modificationTime, undefined);
}

/** Only a superuser may; who may not has no quota to give either. */
async function copyQuota(client: WebHdfs, from: string, to: string): Promise<void> {
  const wanted = await client.quotaUsage(from);
  const there = await client.quotaUsage(to);
  try {
    if (wanted.quota !== there.quota || wanted.spaceQuota !== there.spaceQuota) await client.setQuota(to, { namespace: wanted.quota, space: wanted.spaceQuota });
    const types = new Set([...Object.keys(wanted.typeQuota), ...Object.keys(there.typeQuota)]);
    for (const type of types) {
      const quota = wanted.typeQuota[type]?.quota ?? -1;
      if (quota !== (there.typeQuota[type]?.quota ?? -1)) await client.setQuotaByType(to, type, quota);
    }
  } catch (error) {
    if (!isKind(error, 'denied')) throw error;
  }
}
