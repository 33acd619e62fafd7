import type pg from 'pg';

/** One right on a database. */
export interface DatabaseGrant {
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

export interface TableFacts {
  readonly oid: string;
  /** `schema.table`, each quoted where SQL wants it. */
  readonly name: string;
  readonly owner: string;
  readonly rows: number;
  readonly unlogged: boolean;
  /** Whether it has columns that a dump writes: without any, its lines say nothing of its rows. */
  readonly dumped: boolean;
}

export interface RoleFacts {
  readonly name: string;
  readonly options: readonly string[];
}

/** What `database.json` says of a database: everything its dump does not hold, and counts to compare with. */
export interface DatabaseFacts {
  readonly version: 1;
  readonly database: string;
  readonly service: string;
  readonly owner: string;
  readonly encoding: string;
  readonly localeProvider: string;
  readonly collate: string;
  readonly ctype: string;
  readonly locale: string | null;
  readonly icuRules: string | null;
  readonly tablespace: string;
  readonly connectionLimit: number;
  readonly comment: string | null;
  /** `null`: nothing was ever granted or revoked. */
  readonly grants: readonly DatabaseGrant[] | null;
  /** `role` is `null` for settings of all roles. `setting` is `name=value` as the server keeps it. */
  readonly settings: readonly { readonly role: string | null; readonly setting: string }[];
  readonly sizeBytes: number;
  readonly largeObjects: number;
  readonly extensions: readonly { readonly name: string; readonly version: string }[];
  /** The role that may everything from the start; its objects are not in `roles`. */
  readonly bootstrapRole: string;
  /** Every role that owns something in the database, or was granted something. */
  readonly roles: readonly RoleFacts[];
  readonly tables: readonly TableFacts[];
}

const providers: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };

const databaseSql = `SELECT to_jsonb(d) AS raw, pg_get_userbyid(d.datdba) AS owner, pg_encoding_to_char(d.encoding) AS encoding,
    (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace) AS tablespace, shobj_description(d.oid, 'pg_database') AS comment,
    pg_database_size(d.oid)::float8 AS size, (SELECT rolname FROM pg_roles WHERE oid = 10) AS bootstrap,
    (SELECT count(*)::float8 FROM pg_largeobject_metadata) AS blobs
  FROM pg_database d WHERE datname = current_database()`;

const grantsSql = `SELECT coalesce(r.rolname, '') AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
  FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = current_database() ORDER BY 1, 2`;

const settingsSql = `SELECT r.rolname AS role, c.setting FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c(setting) WHERE d.datname = current_database() ORDER BY 1 NULLS FIRST, 2`;

// pg_shdepend knows every role anything in the database depends on (owner, grantee, policy, default right) except the built-in ones.
const rolesSql = `SELECT r.*, r.rolvaliduntil::text AS until FROM pg_roles r WHERE r.oid >= 16384 AND (EXISTS (SELECT 1 FROM pg_shdepend s, pg_database d
    WHERE d.datname = current_database() AND s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
      AND (s.dbid = d.oid OR (s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = d.oid)))
    OR r.oid IN (SELECT s.setrole FROM pg_db_role_setting s, pg_database d WHERE d.datname = current_database() AND s.setdatabase = d.oid)) ORDER BY r.rolname`;

const tablesSql = `SELECT c.oid::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, pg_get_userbyid(c.relowner) AS owner, c.relpersistence = 'u' AS unlogged,
    EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS dumped
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND NOT EXISTS (SELECT 1 FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'e') ORDER BY 2`;

/** Row count of a table alone, without what inherits from it. `name` is quoted already. */
export async function countRows(client: pg.ClientBase, name: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ONLY ${name}`);
  return Number(rows[0]?.n);
}

function roleOptions(role: Record<string, unknown>): string[] {
  const option = (column: string, name: string): string => `${role[column] === true ? '' : 'NO'}${name}`;
  const options = [option('rolsuper', 'SUPERUSER'), option('rolinherit', 'INHERIT'), option('rolcreaterole', 'CREATEROLE'), option('rolcreatedb', 'CREATEDB'), option('rolcanlogin', 'LOGIN'), option('rolreplication', 'REPLICATION'), option('rolbypassrls', 'BYPASSRLS')];
  if (Number(role['rolconnlimit']) >= 0) options.push(`CONNECTION LIMIT ${Number(role['rolconnlimit'])}`);
  return options;
}

/** Reads the facts of the connected database, in whatever snapshot the connection is. Counts every table: reads all of the database. */
export async function readDatabaseFacts(client: pg.ClientBase, about: { readonly database: string; readonly service: string }, signal: AbortSignal | undefined): Promise<DatabaseFacts> {
  await client.query('SET row_security = off');
  const row = (await client.query(databaseSql)).rows[0] as Record<string, unknown>;
  const raw = row['raw'] as Record<string, unknown>;
  const grants = raw['datacl'] === null ? null : ((await client.query(grantsSql)).rows as DatabaseGrant[]);
  const settings = (await client.query(settingsSql)).rows as { role: string | null; setting: string }[];
  const roles = (await client.query(rolesSql)).rows as Record<string, unknown>[];
  const extensions = (await client.query(`SELECT extname AS name, extversion AS version FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1`)).rows as { name: string; version: string }[];
  const listed = (await client.query(tablesSql)).rows as Omit<TableFacts, 'rows'>[];
  const tables: TableFacts[] = [];
  for (const table of listed) {
    signal?.throwIfAborted();
    tables.push({ ...table, rows: await countRows(client, table.name) });
  }
  return {
    version: 1, database: about.database, service: about.service, owner: String(row['owner']), encoding: String(row['encoding']),
    localeProvider: providers[String(raw['datlocprovider'] ?? 'c')] ?? 'libc', collate: String(raw['datcollate']), ctype: String(raw['datctype']),
    locale: (raw['datlocale'] ?? raw['daticulocale'] ?? null) as string | null, icuRules: (raw['daticurules'] ?? null) as string | null,
    tablespace: String(row['tablespace']), connectionLimit: Number(raw['datconnlimit']), comment: row['comment'] as string | null,
    grants, settings, sizeBytes: Number(row['size']), largeObjects: Number(row['blobs']), extensions, bootstrapRole: String(row['bootstrap']),
    roles: roles.map((role) => ({ name: String(role['rolname']), options: roleOptions(role) })), tables,
  };
}
