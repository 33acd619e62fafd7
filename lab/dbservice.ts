import { existsSync, readFileSync } from 'node:fs';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { asNobody, labUser } from './asNobody.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { launch, runTool, type Launch } from './processes.ts';
import { secretFile } from './secretFile.ts';

/** The metadata databases of the services in the lab. */
export const databases: Readonly<Record<string, { readonly service: string; readonly owner: string }>> = {
  hivemeta: { service: 'Hive', owner: 'hive' },
  huemeta: { service: 'Hue', owner: 'hue' },
  oozie: { service: 'Oozie', owner: 'oozie' },
};

/** PostgreSQL with a role and a database for every service. Superuser: postgres. */
export const dbservice: LabServer = {
  portRoles: ['port'],
  processRoles: ['postgres'],
  // Fast shutdown: clients are disconnected.
  stopSignal: 'SIGINT',
  endpoints: ({ ports }) => ({ postgres: `127.0.0.1:${ports['port']}` }),
  prepare,
  startProcess: (place) => launch(postgres(place, 'postgres', 'postgres', ['-D', join(place.folder, 'data'), '-p', String(place.ports['port']), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'shared_buffers=32MB'])),
  isReady,
  afterStart: createDatabases,
};

export function postgresBinaries(toolsFolder: string): string {
  return join(toolsFolder, 'postgres', 'embedded_postgres', 'pginstall', 'bin');
}

/** File with the password of the superuser, or of a role. */
export function passwordFile(place: Pick<ServerPlace, 'name' | 'secretsFolder'>, role?: string): string {
  return join(place.secretsFolder, role === undefined ? place.name : `${place.name}.${role}`);
}

/** A connection as superuser. The caller ends it. */
export async function connectDbservice(place: ServerPlace, database = 'postgres'): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: place.ports['port'], user: 'postgres', password: readFileSync(passwordFile(place), 'utf8'), database, connectionTimeoutMillis: 5000 });
  // An idle connection that breaks is told by the next query.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function prepare(place: ServerPlace): Promise<void> {
  const data = join(place.folder, 'data');
  if (existsSync(data)) return;
  const password = await secretFile(passwordFile(place));
  const fresh = join(place.folder, 'data.new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  const passwords = join(place.folder, 'password.new');
  await writeFile(passwords, password, { mode: 0o600 });
  if (labUser !== undefined) for (const path of [fresh, passwords]) await chown(path, labUser.uid, labUser.gid);
  try {
    await runTool(postgres(place, 'initdb', 'initdb', ['-D', fresh, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwords}`, '-E', 'UTF8', '--locale=C.UTF-8']));
  } finally {
    await rm(passwords, { force: true });
  }
  await rename(fresh, data);
}

/** initdb and the server refuse root. */
function postgres(place: ServerPlace, role: string, tool: string, args: readonly string[]): Launch {
  const path = join(postgresBinaries(place.toolsFolder), tool);
  const [command, ...rest] = [...asNobody('dac_read_search', 'dac_override'), path, ...args];
  return { command: command!, args: rest, folder: place.folder, logFile: join(place.folder, `${role}.log`), env: { PATH: process.env['PATH'], HOME: place.folder, LC_ALL: 'C.UTF-8' } };
}

async function isReady(place: ServerPlace): Promise<boolean> {
  try {
    await (await connectDbservice(place)).end();
    return true;
  } catch (error) {
    // A wrong password is not a server that is still starting.
    if ((error as { code?: string }).code === '28P01') throw new Error(`${place.name}: the password in ${passwordFile(place)} is not that of the server`, { cause: error });
    return false;
  }
}

/** Only the cluster that is backed up has databases; a mirrored cluster starts empty. */
async function createDatabases(place: ServerPlace): Promise<void> {
  if (place.name !== 'dbservice') return;
  const client = await connectDbservice(place);
  try {
    const has = async (sql: string, name: string) => (await client.query(sql, [name])).rowCount !== 0;
    for (const [database, { owner }] of Object.entries(databases)) {
      const password = await secretFile(passwordFile(place, owner));
      if (!(await has('select 1 from pg_roles where rolname = $1', owner))) await client.query(`create role ${owner} login password ${pg.escapeLiteral(password)}`);
      if (!(await has('select 1 from pg_database where datname = $1', database))) await client.query(`create database ${database} owner ${owner}`);
    }
  } finally {
    await client.end();
  }
}
