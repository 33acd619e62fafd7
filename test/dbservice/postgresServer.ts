import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import getPort from 'get-port';
import pg from 'pg';

const run = promisify(execFile);
const nobody = 65534;

export const postgresBinaries = join(process.env['MRS_BACKUP_TOOLS'] ?? resolve(import.meta.dirname, '../../.tools'), 'postgres/embedded_postgres/pginstall/bin');
export const postgresPassword = 'canary-secret-Ktz1';

/** A PostgreSQL server of its own for one test file. Stopped and removed with it. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly #folder: string;

  private constructor(folder: string, port: number, user: string) {
    this.#folder = folder;
    this.port = port;
    this.user = user;
  }

  /** `superuser` is the name of the built-in superuser. */
  static async start(superuser = 'postgres'): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), 'dbservice-server-'));
    await chmod(folder, 0o755);
    if (process.getuid?.() === 0) await chown(folder, nobody, nobody);
    await writeFile(join(folder, 'password'), postgresPassword);
    await chmod(join(folder, 'password'), 0o644);
    const server = new PostgresServer(folder, await getPort(), superuser);
    await server.#tool('initdb', ['-D', join(folder, 'data'), '-U', superuser, '--auth=scram-sha-256', `--pwfile=${join(folder, 'password')}`, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']);
    await server.up();
    return server;
  }

  async #tool(tool: string, args: readonly string[]): Promise<void> {
    const path = join(postgresBinaries, tool);
    const asNobody = process.getuid?.() === 0 ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', path] : [path];
    // The server inherits pipes of its starter: nothing is captured, or the call would wait for the server's end.
    const { spawn } = await import('node:child_process');
    await new Promise<void>((done, fail) => {
      const child = spawn(asNobody[0]!, [...asNobody.slice(1), ...args], { cwd: this.#folder, stdio: 'ignore', env: { PATH: process.env['PATH'], HOME: this.#folder } });
      child.on('error', fail);
      child.on('exit', (code) => (code === 0 ? done() : fail(new Error(`${tool} ended with ${code}`))));
    });
  }

  async up(): Promise<void> {
    await this.#tool('pg_ctl', ['-D', join(this.#folder, 'data'), '-l', join(this.#folder, 'log'), '-w', '-o', `-p ${this.port} -k ${this.#folder} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=32MB`, 'start']);
  }

  async down(): Promise<void> {
    await this.#tool('pg_ctl', ['-D', join(this.#folder, 'data'), '-m', 'immediate', '-w', 'stop']);
  }

  async connect(database = 'postgres', user = this.user, password = postgresPassword): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.port, user, password, database, application_name: 'test' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Runs SQL and gives the rows of its last statement. */
  async sql(database: string, text: string): Promise<Record<string, unknown>[]> {
    const client = await this.connect(database);
    try {
      const result = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
      return (Array.isArray(result) ? result.at(-1)! : result).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  async psql(args: readonly string[]): Promise<string> {
    return (await run(join(postgresBinaries, 'psql'), ['-h', '127.0.0.1', '-p', String(this.port), '-U', this.user, ...args], { env: { PGPASSWORD: postgresPassword } })).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down().catch(() => undefined);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
