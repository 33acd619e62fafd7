import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../contracts/failure.ts';
import type { RestoreTarget } from '../dataSource.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import { databaseState, dropDatabase, isMarked, markDatabase } from './databaseState.ts';
import { readFacts } from './dumpServer.ts';
import type { PgAccess } from './pgConnection.ts';
import { ident, serverVersion, withConnection } from './pgConnection.ts';
import { loadDatabase } from './restoreDatabase.ts';
import { databasesOf, nameConflicts, type RestoredDatabase } from './restoreNames.ts';
import { createMissingRoles, existingRoles, roleMap } from './restoreRoles.ts';
import { databaseKey, pathOfKey, writeWhole } from './scratch.ts';
import { swapBack, swapIn } from './swapDatabases.ts';

const application = 'mrs-backup-restore';

/** The databases that are really restored: under policy `skip` those that exist already are left alone. @throws Failure E_TARGET_EXISTS */
async function restoredOnes(access: PgAccess, target: RestoreTarget): Promise<readonly RestoredDatabase[]> {
  const databases = databasesOf(target);
  if (target.mode === 'inPlace') return databases;
  return withConnection(access, access.instance.database, application, async (client) => {
    const wanted: RestoredDatabase[] = [];
    for (const one of databases) {
      const final = await databaseState(client, one.final);
      const foreign = final !== undefined && !isMarked(final, 'restored', target.name);
      if (foreign && target.existing === 'fail') throw new Failure('E_TARGET_EXISTS', `database ${one.final} exists`);
      if (!foreign || target.existing === 'force') wanted.push(one);
    }
    return wanted;
  });
}

/** Refuses what the plan would have refused: nothing is written before. */
export async function checkRestore(access: PgAccess, target: RestoreTarget): Promise<void> {
  const [conflict] = nameConflicts(target, access.instance.database);
  if (conflict !== undefined) throw new Failure('E_TARGET_EXISTS', conflict);
  await restoredOnes(access, target);
}

const rolesPath = (folder: string): string => join(folder, 'created-roles.json');

async function createdRoles(folder: string): Promise<readonly string[]> {
  return readFile(rolesPath(folder), 'utf8').then((text) => JSON.parse(text) as string[], () => []);
}

/** Loads every staged dump and, but in place, gives the databases their final names. Repeating it goes on where it stood. */
export async function loadStaged(access: PgAccess, target: RestoreTarget, folder: string, progress: (line: string) => void, signal: AbortSignal | undefined): Promise<void> {
  const databases = await restoredOnes(access, target);
  const facts = new Map<string, DatabaseFacts>();
  for (const { database } of databases) {
    const one = await readFacts({ folder, applicationName: application }, database);
    if (!one) throw new Failure('E_CORRUPT', `database ${database}: its description (${databaseKey(database)}/database.json) is not in the set`, { hint: 'mrs-backup set verify SET --level content names what is damaged' });
    facts.set(database, one);
  }
  const { major, map, done } = await withConnection(access, access.instance.database, application, async (client) => {
    const source = String(target.description.inventory['bootstrapRole'] ?? [...facts.values()][0]?.bootstrapRole ?? '');
    const bootstrap = (await client.query<{ name: string }>('SELECT rolname AS name FROM pg_roles WHERE oid = 10')).rows[0]?.name ?? '';
    const map = roleMap(target.mapping.owners, { source, target: bootstrap, existsAtTarget: (await existingRoles(client, [source])).has(source) });
    const recorded = new Set(await createdRoles(folder));
    const created = await createMissingRoles(client, pathOfKey(join(folder, 'content'), 'globals.sql'), [...facts.values()], map, async (role) => {
      recorded.add(role);
      await writeWhole(rolesPath(folder), JSON.stringify([...recorded]));
    });
    if (created.length > 0) progress(`created the roles ${created.join(', ')}`);
    const done = new Set<string>();
    for (const one of databases) if (isMarked(await databaseState(client, one.final), 'restored', target.name)) done.add(one.final);
    return { major: (await serverVersion(client)).major, map, done };
  });
  for (const database of databases) {
    if (done.has(database.final)) continue;
    signal?.throwIfAborted();
    progress(`loading database ${database.database} as ${database.work}`);
    const dump = pathOfKey(join(folder, 'content'), `${databaseKey(database.database)}/dump`);
    await loadDatabase(access, { targetName: target.name, database, facts: facts.get(database.database)!, dump, map, applicationName: application }, major, signal);
  }
  if (target.mode === 'inPlace') return;
  await withConnection(access, access.instance.database, application, async (client) => {
    const replaced = await swapIn(client, databases, target.name);
    for (const name of target.existing === 'force' ? replaced : []) {
      progress(`dropping ${name}, which was replaced`);
      await dropDatabase(client, name);
    }
  });
}

/** Puts the restored databases in place and keeps those that were there. */
export async function commitDatabases(access: PgAccess, target: RestoreTarget): Promise<{ readonly safetyPoint: string | undefined }> {
  if (target.mode !== 'inPlace') return { safetyPoint: undefined };
  const kept = await withConnection(access, access.instance.database, application, (client) => swapIn(client, databasesOf(target), target.name));
  return { safetyPoint: kept.length === 0 ? undefined : kept.join(', ') };
}

/** Undoes everything a restoration did on the server: swap, databases, roles it created that nothing else uses by now. */
export async function rollbackDatabases(access: PgAccess, target: RestoreTarget, folder: string): Promise<void> {
  await withConnection(access, access.instance.database, application, async (client) => {
    await swapBack(client, databasesOf(target), target.name);
    for (const role of [...(await createdRoles(folder))].reverse()) {
      await client.query(`DROP ROLE IF EXISTS ${ident(role)}`).catch((error: { code?: string }) => {
        // In use by now: somebody else's, and no harm.
        if (error.code !== '2BP01' && error.code !== '55006') throw error;
      });
    }
  });
}

/** Gives the restored databases the comments they had when they were backed up, in place of our mark. */
export async function settleComments(access: PgAccess, target: RestoreTarget, folder: string): Promise<void> {
  await withConnection(access, access.instance.database, application, async (client) => {
    for (const one of databasesOf(target)) {
      if (!isMarked(await databaseState(client, one.final), 'restored', target.name)) continue;
      const facts = await readFacts({ folder, applicationName: application }, one.database);
      await markDatabase(client, one.final, facts?.comment ?? null);
    }
  });
}

/** The name a database of the set has on the server now: restored and waiting, or in its place. `undefined`: it is not there. */
export async function actualName(access: PgAccess, target: RestoreTarget, database: string): Promise<string | undefined> {
  const one = databasesOf(target).find((candidate) => candidate.database === database);
  if (!one) return undefined;
  return withConnection(access, access.instance.database, application, async (client) => {
    if (isMarked(await databaseState(client, one.work), 'restored', target.name)) return one.work;
    return (await databaseState(client, one.final))?.name;
  });
}

/** Whether a database is on the server that this restoration made and that still has its mark: loaded or being loaded, or put in place and not released. */
export async function hasMarked(access: PgAccess, target: RestoreTarget): Promise<boolean> {
  return withConnection(access, access.instance.database, application, async (client) => {
    for (const { work, final } of databasesOf(target)) {
      const loaded = await databaseState(client, work);
      if (loaded && (loaded.comment === null || isMarked(loaded, 'restoring', target.name) || isMarked(loaded, 'restored', target.name))) return true;
      if (isMarked(await databaseState(client, final), 'restored', target.name)) return true;
    }
    return false;
  });
}
