import type { RestorePlanPart, RestoreTarget } from '../dataSource.ts';
import { databaseState, isMarked } from './databaseState.ts';
import type { PgAccess } from './pgConnection.ts';
import { serverName, serverVersion, withConnection } from './pgConnection.ts';
import { checkTools } from './preflight.ts';
import { databasesOf, nameConflicts, type RestoredDatabase } from './restoreNames.ts';
import { existingRoles } from './restoreRoles.ts';

interface Lists { steps: string[]; conflicts: string[]; stops: string[]; losses: string[] }

/** Services that use a database of the target: as its configuration says, or as the set says. */
function serviceOf(access: PgAccess, one: RestoredDatabase): string {
  const configured = Object.hasOwn(access.instance.databases, one.final) ? access.instance.databases[one.final]?.service : undefined;
  return configured ?? one.service;
}

function planDatabase(access: PgAccess, target: RestoreTarget, one: RestoredDatabase, there: { readonly exists: boolean; readonly connections: number }, lists: Lists): void {
  const { final, work, before, database } = one;
  const service = serviceOf(access, one);
  const interrupted = `${service}: the ${there.connections} connections to database ${final} are ended and new ones refused for about a second; restart ${service} afterwards`;
  if (target.mode !== 'inPlace' && there.exists && target.existing === 'skip') {
    lists.steps.push(`database ${final} exists and is left as it is`);
    return;
  }
  lists.steps.push(`load database ${database} as ${work}, check its row counts and owners`);
  if (!there.exists) lists.steps.push(`rename ${work} to ${final}`);
  else if (target.mode === 'inPlace') {
    lists.steps.push(`rename ${final} to ${before}, which is kept as the safety point, and ${work} to ${final}, in one transaction`);
    lists.stops.push(interrupted);
    lists.losses.push(`everything written to database ${final} since the recovery point is not in it any more; it stays in ${before}`);
  } else if (target.existing === 'force') {
    lists.steps.push(`rename ${final} to ${before} and ${work} to ${final}, in one transaction, then drop ${before}`);
    lists.stops.push(interrupted);
    lists.losses.push(`database ${final} of now is dropped`);
  } else lists.conflicts.push(`database ${final} exists on ${serverName(access)}`);
}

/** What a restoration would do here, in sentences. Changes nothing. */
export async function planDatabaseRestore(access: PgAccess, target: RestoreTarget): Promise<RestorePlanPart> {
  const lists: Lists = { steps: [], conflicts: [...nameConflicts(target, access.instance.database)], stops: [], losses: [] };
  const databases = databasesOf(target);
  await withConnection(access, access.instance.database, 'mrs-backup-restore', async (client) => {
    const version = await serverVersion(client);
    lists.conflicts.push(...(await checkTools(access, version.major, ['pg_dump', 'pg_restore'])).map((problem) => `${problem.message}; ${problem.hint}`));
    const user = (await client.query<{ super: boolean; bootstrap: string; standby: boolean }>('SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super, (SELECT rolname FROM pg_roles WHERE oid = 10) AS bootstrap, pg_is_in_recovery() AS standby')).rows[0];
    if (user?.super !== true) lists.conflicts.push(`the user ${access.instance.user} is no superuser of ${serverName(access)}: owners and rights cannot be given back`);
    if (user?.standby === true) lists.conflicts.push(`${serverName(access)} is a standby and cannot be written to`);
    const major = Number(target.description.inventory['major']);
    if (major > version.major) lists.losses.push(`the set is of PostgreSQL ${target.description.version}, the target of ${version.text}: what the older version does not know makes the restoration fail`);

    const needed = [...new Set(databases.flatMap((one) => [...one.about.roles, one.about.owner]))];
    const source = String(target.description.inventory['bootstrapRole'] ?? '');
    const mapped = (role: string): string => (Object.hasOwn(target.mapping.owners, role) ? (target.mapping.owners[role] ?? role) : role);
    const existing = await existingRoles(client, [...needed, source].map(mapped));
    const missing = needed.filter((role) => !existing.has(mapped(role)) && role !== source);
    if (missing.length > 0) lists.steps.push(`create the roles ${missing.map(mapped).join(', ')} as the set defines them`);
    if (source !== '' && mapped(source) === source && !existing.has(source) && user) lists.losses.push(`what belongs to ${source}, the built-in superuser there, will belong to ${user.bootstrap}`);
    const kept = needed.filter((role) => existing.has(mapped(role)));
    if (kept.length > 0) lists.losses.push(`the roles ${kept.map(mapped).join(', ')} exist and keep their passwords and rights of now`);
    if (missing.length > 0 && target.description.inventory['rolePasswords'] === false) lists.losses.push('the set holds no role passwords: roles that are created have none until one is set');

    const available = new Set((await client.query<{ name: string }>('SELECT name FROM pg_available_extensions')).rows.map((row) => row.name));
    const spaces = new Set((await client.query<{ spcname: string }>('SELECT spcname FROM pg_tablespace')).rows.map((row) => row.spcname));
    for (const one of databases) {
      for (const extension of one.about.extensions) if (!available.has(extension)) lists.conflicts.push(`database ${one.final} needs the extension ${extension}, which ${serverName(access)} does not have`);
      if (!spaces.has(one.about.tablespace)) lists.losses.push(`database ${one.final} goes into the default tablespace: there is no ${one.about.tablespace}`);
      const state = await databaseState(client, one.final);
      const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1', [one.final]);
      planDatabase(access, target, one, { exists: state !== undefined && !isMarked(state, 'restored', target.name), connections: rows[0]?.n ?? 0 }, lists);
      if ((await databaseState(client, one.before)) && state) lists.conflicts.push(`database ${one.before} exists: a restoration of this name was made before`);
    }
  });
  return { ...lists, spaceNeeded: databases.reduce((sum, one) => sum + one.about.sizeBytes, 0), spaceFree: undefined };
}
