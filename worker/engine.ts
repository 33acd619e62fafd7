import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import getPort from 'get-port';
import { searchAttributes } from '../contracts/names.ts';
import { Failure } from '../contracts/failure.ts';
import { endProcess, identify, type ProcessIdentity } from './processIdentity.ts';

const run = promisify(execFile);
/** Runs stay visible for a month; what must outlive that is in the repository's history. */
const retention = '720h';
const startTimeoutMs = 60_000;

/** What is kept in `<state>/engine.json`, so that commands find the embedded engine. */
export interface EngineRecord {
  readonly address: string;
  readonly uiUrl: string;
  readonly process: ProcessIdentity;
}

export interface EngineOptions {
  readonly binary: string;
  readonly stateFolder: string;
  /** Free ones are chosen, and kept, where none is given. */
  readonly port?: number | undefined;
  readonly uiPort?: number | undefined;
  readonly namespace: string;
}

/** The embedded engine: Temporal's dev server on a database file. Ready when this returns. */
export async function startEngine(options: EngineOptions): Promise<{ readonly record: EngineRecord; readonly child: ChildProcess }> {
  await mkdir(options.stateFolder, { recursive: true });
  const before = await readEngineRecord(options.stateFolder);
  // An engine whose `up` was killed may still hold the database file.
  if (before !== undefined) await endProcess(before.process, 5_000);
  const port = options.port ?? (await getPort({ port: portOf(before?.address) }));
  const uiPort = options.uiPort ?? (await getPort({ port: portOf(before?.uiUrl), exclude: [port] }));
  const log = await open(join(options.stateFolder, 'engine.log'), 'a');
  const child = spawn(options.binary, [
    'server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort), '--namespace', options.namespace,
    '--db-filename', join(options.stateFolder, 'engine.db'), '--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL',
    '--log-level', 'error', '--dynamic-config-value', 'matching.enableFairness=true',
    ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${cliType(type)}`]),
  ], { stdio: ['ignore', log.fd, log.fd], env: { ...process.env, HOME: process.env['HOME'] ?? options.stateFolder } });
  await log.close();
  guard(child);
  const address = `127.0.0.1:${port}`;
  const record: EngineRecord = { address, uiUrl: `http://127.0.0.1:${uiPort}`, process: await identify(child.pid ?? 0) };
  await waitUntilReady(options, child, address);
  await prepareNamespace(options, address);
  await writeRecord(options.stateFolder, record);
  return { record, child };
}

export async function readEngineRecord(stateFolder: string): Promise<EngineRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(stateFolder, 'engine.json'), 'utf8')) as EngineRecord;
  } catch {
    return undefined;
  }
}

/** Ends the engine when this process is gone, however it ended: the guard's input is closed then. It outlives the Ctrl-C that its group gets. */
function guard(engine: ChildProcess): void {
  const watcher = spawn('/bin/sh', ['-c', 'trap "" INT TERM HUP; read -r _; kill -TERM "$1"', 'engine-guard', String(engine.pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
  // Without a guard the next start ends what is left.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  engine.once('exit', () => watcher.kill('SIGKILL'));
}

async function waitUntilReady(options: EngineOptions, child: ChildProcess, address: string): Promise<void> {
  let exited: number | null | undefined;
  child.once('exit', (code) => { exited = code; });
  child.once('error', () => { exited = null; });
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    if (exited !== undefined) throw new Failure('E_ENGINE_UNREACHABLE', `the embedded engine ended while starting: ${await lastLine(options.stateFolder)}`, { hint: `see ${join(options.stateFolder, 'engine.log')}` });
    try {
      await run(options.binary, ['operator', 'namespace', 'describe', '--address', address, '-n', options.namespace], { timeout: 5000 });
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Failure('E_ENGINE_UNREACHABLE', `the embedded engine did not start within ${startTimeoutMs / 1000} s`, { hint: `see ${join(options.stateFolder, 'engine.log')}`, cause: error });
      }
      await sleep(150);
    }
  }
}

/** Retention and search attributes of a database file that is older than this version: neither is taken from the command line then. */
async function prepareNamespace(options: EngineOptions, address: string): Promise<void> {
  const marker = join(options.stateFolder, 'engine.prepared');
  const wanted = JSON.stringify({ retention, searchAttributes });
  if ((await readFile(marker, 'utf8').catch(() => '')) === wanted) return;
  await run(options.binary, ['operator', 'namespace', 'update', '--address', address, '-n', options.namespace, '--retention', retention]);
  const { stdout } = await run(options.binary, ['operator', 'search-attribute', 'list', '--address', address, '-n', options.namespace]);
  for (const [name, type] of Object.entries(searchAttributes)) {
    if (new RegExp(`^\\s*${name}\\s`, 'm').test(stdout)) continue;
    await run(options.binary, ['operator', 'search-attribute', 'create', '--address', address, '-n', options.namespace, '--name', name, '--type', cliType(type)]);
  }
  await writeFile(marker, wanted);
}

async function writeRecord(stateFolder: string, record: EngineRecord): Promise<void> {
  const path = join(stateFolder, 'engine.json');
  await writeFile(`${path}.new`, JSON.stringify(record));
  await rename(`${path}.new`, path);
}

/** Leaves the ports, so that the next start takes the same ones. */
export async function forgetEngine(stateFolder: string): Promise<void> {
  const record = await readEngineRecord(stateFolder);
  if (record === undefined) return;
  await writeRecord(stateFolder, { ...record, process: { pid: 0, startedAt: 'ended' } });
  await rm(join(stateFolder, 'engine.json.new'), { force: true });
}

function portOf(address: string | undefined): number | undefined {
  const port = Number(address?.split(':').at(-1));
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

function cliType(type: string): string {
  return type.split('_').map((word) => word[0] + word.slice(1).toLowerCase()).join('');
}

async function lastLine(stateFolder: string): Promise<string> {
  const text = await readFile(join(stateFolder, 'engine.log'), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '';
}
