import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RestoreTarget, SourceContext, SourceDescription, SourceSession } from '../../components/dataSource.ts';
import type { DbserviceSelection } from '../../components/dbservice/dbserviceInstance.ts';
import { dbserviceSource } from '../../components/dbservice/dbserviceSource.ts';
import type { Entry } from '../../contracts/entry.ts';
import type { Handle } from '../../contracts/handle.ts';
import { postgresBinaries, postgresPassword, type PostgresServer } from './postgresServer.ts';

export type Session = SourceSession<DbserviceSelection>;

export interface Opened { readonly session: Session; readonly context: SourceContext; readonly scratch: string }

/** A session as a worker has it. `scratch` and `held` of an earlier one stand for the same worker process. */
export async function openSession(server: PostgresServer, databases: Record<string, { service: string; owner: string }>, more: { scratch?: string; held?: SourceContext['held']; instance?: object } = {}): Promise<Opened> {
  const scratch = more.scratch ?? (await mkdtemp(join(tmpdir(), 'dbservice-scratch-')));
  const context: SourceContext = { cluster: 'prod', instance: 'DBService', readSecret: async () => postgresPassword, scratchFolder: scratch, held: more.held ?? new Map() };
  const instance = dbserviceSource.instance.parse({ host: '127.0.0.1', port: server.port, user: server.user, password: { env: 'PASSWORD' }, binaries: postgresBinaries, databases, ...more.instance });
  return { session: await dbserviceSource.connect(instance, context), context, scratch };
}

/** A backup set as far as a source is concerned, in memory. */
export interface MemorySet { readonly handle: Handle; readonly entries: readonly Entry[]; readonly content: ReadonlyMap<string, Buffer>; readonly description: SourceDescription }

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

/** Plans and reads everything of a handle. */
export async function copyAll(session: Session, handle: Handle): Promise<MemorySet> {
  const entries: Entry[] = [];
  for await (const change of session.plan(handle, {}, undefined, () => undefined)) if (change.op === 'put') entries.push(change.entry);
  const content = new Map<string, Buffer>();
  for (const entry of entries) content.set(entry.key, await bytesOf(session.read(handle, entry, 0, entry.length)));
  return { handle, entries, content, description: await session.describe(handle, {}) };
}

export async function backup(session: Session, name = 'mrs-backup.run1'): Promise<MemorySet> {
  const set = await copyAll(session, await session.takeHandle(name, {}));
  await session.dropHandle(name, {});
  return set;
}

export function targetOf(set: MemorySet, more: Partial<RestoreTarget>): RestoreTarget {
  return { name: 'r1', mode: 'beside', existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, fromInstance: 'DBService', description: set.description, selection: {}, only: [], ...more };
}

/** Everything of a restoration up to its commit. */
export async function restore(session: Session, set: MemorySet, target: RestoreTarget): Promise<void> {
  await session.beginRestore(target);
  for (const entry of set.entries) {
    if (await session.isRestored(target, entry)) continue;
    await session.writeEntry(target, entry, (async function* () { yield set.content.get(entry.key)!; })());
  }
  await session.finishRestore(target, () => undefined);
}

/** Keys of entries that differ at the target, or are missing there. */
export async function differences(session: Session, set: MemorySet, target: RestoreTarget): Promise<string[]> {
  const differing: string[] = [];
  for (const entry of set.entries) {
    const there = await session.statRestored(target, entry);
    if (!there) differing.push(`${entry.key} missing`);
    else if (there.length !== entry.length || there.attributes['sha256'] !== entry.attributes['sha256']) differing.push(entry.key);
    else if (session.comparable(entry) === 'content' && !(await bytesOf(session.readRestored(target, entry))).equals(set.content.get(entry.key)!)) differing.push(`${entry.key} bytes`);
  }
  return differing;
}
