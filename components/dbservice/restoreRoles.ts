import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { Failure } from '../../contracts/failure.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import { ident } from './pgConnection.ts';
import { isWord, roleTokens, splitStatements, withNames } from './sqlStatements.ts';

/** What a role of the set is called at the target. */
export type RoleMap = (role: string) => string;

/**
 * The names roles get: as the mapping says; the source's built-in superuser becomes the target's when that has another name.
 * `identical` when every role of these keeps its name.
 */
export function roleMap(owners: Readonly<Record<string, string>>, bootstrap: { readonly source: string; readonly target: string; readonly existsAtTarget: boolean }): RoleMap {
  return (role) => {
    if (Object.hasOwn(owners, role)) return owners[role] ?? role;
    return role === bootstrap.source && role !== bootstrap.target && !bootstrap.existsAtTarget ? bootstrap.target : role;
  };
}

export async function existingRoles(client: pg.ClientBase, names: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])', [names]);
  return new Set(rows.map((row) => row.rolname));
}

async function runRoleStatement(client: pg.ClientBase, text: string, role: string): Promise<void> {
  try {
    await client.query(text);
  } catch (error) {
    // No cause: it could carry the statement, which may hold a password verifier.
    throw new Failure('E_SOURCE_DENIED', `role ${role} cannot be created (SQLSTATE ${String((error as { code?: string }).code)})`, { hint: 'restore with a superuser, or create the role first' });
  }
}

/** Statements of `globals.sql` that define one of `roles`, by role. */
async function definitions(globalsPath: string, roles: ReadonlySet<string>): Promise<Map<string, { text: string; places: ReturnType<typeof splitStatements>[number] }[]>> {
  const found = new Map<string, { text: string; places: ReturnType<typeof splitStatements>[number] }[]>();
  const script = await readFile(globalsPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  for (const statement of splitStatements(script)) {
    const [first, second, third] = statement.tokens;
    if (!third || !isWord(first, 'ALTER') || !isWord(second, 'ROLE') || !isWord(statement.tokens[3], 'WITH', 'SET')) continue;
    const role = third.kind === 'word' ? third.text.toLowerCase() : third.text;
    if (roles.has(role)) found.set(role, [...(found.get(role) ?? []), { text: statement.text, places: statement }]);
  }
  return found;
}

/** Memberships between two roles that were both created now; never one of a role that was there before. */
async function restoreMemberships(client: pg.ClientBase, globalsPath: string, created: ReadonlySet<string>, map: RoleMap): Promise<void> {
  const script = await readFile(globalsPath, 'utf8').catch(() => '');
  for (const statement of splitStatements(script)) {
    const [first, granted, to, member] = statement.tokens;
    if (!isWord(first, 'GRANT') || !isWord(to, 'TO') || !granted || !member) continue;
    const places = [granted, member];
    const names = places.map((token) => map(token.kind === 'word' ? token.text.toLowerCase() : token.text));
    if (!names.every((name) => created.has(name))) continue;
    await runRoleStatement(client, withNames(statement, places, map).replace(/ GRANTED BY .*;$/s, ';'), names[1] ?? '');
  }
}

/**
 * Creates the roles that databases need and the target does not have, as the set defines them, with their passwords when it holds them.
 * A role that exists is never altered. Returns the names that were created now; `record` is told of each before it is created.
 */
export async function createMissingRoles(client: pg.ClientBase, globalsPath: string, facts: readonly DatabaseFacts[], map: RoleMap, record: (role: string) => Promise<void>): Promise<readonly string[]> {
  const wanted = new Map<string, readonly string[]>();
  for (const one of facts) {
    for (const role of one.roles) wanted.set(role.name, role.options);
    if (!wanted.has(one.owner)) wanted.set(one.owner, []);
    for (const table of one.tables) if (!wanted.has(table.owner)) wanted.set(table.owner, []);
  }
  const existing = await existingRoles(client, [...wanted.keys()].map(map));
  const missing = [...wanted].filter(([role]) => !existing.has(map(role)));
  if (missing.length === 0) return [];
  const defined = await definitions(globalsPath, new Set(missing.map(([role]) => role)));
  const created = new Set<string>();
  for (const [role, options] of missing) {
    const name = map(role);
    if (created.has(name)) continue;
    await record(name);
    await client.query('BEGIN');
    try {
      await runRoleStatement(client, `CREATE ROLE ${ident(name)}`, name);
      const statements = defined.get(role);
      if (!statements && options.length > 0) await runRoleStatement(client, `ALTER ROLE ${ident(name)} WITH ${options.join(' ')}`, name);
      for (const statement of statements ?? []) await runRoleStatement(client, withNames(statement.places, statement.places.tokens.slice(2, 3), map), name);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
    created.add(name);
  }
  await restoreMemberships(client, globalsPath, created, map);
  return [...created];
}

/** Runs the statements of a script that say who owns and may use what, with the roles' names at the target. */
export async function applyRights(client: pg.ClientBase, script: string, map: RoleMap): Promise<void> {
  await client.query(`SELECT set_config('search_path', '', false)`);
  for (const statement of splitStatements(script)) {
    const places = roleTokens(statement);
    if (places !== undefined) await client.query(withNames(statement, places, map));
  }
}
