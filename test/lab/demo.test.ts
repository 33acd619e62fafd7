import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const demo = fileURLToPath(new URL('../../lab/demo.ts', import.meta.url));
let folder = '';

beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'mrs-backup-demo-')); });
afterAll(async () => rm(folder, { recursive: true, force: true }));

const start = (...args: readonly string[]) => spawn(process.execPath, ['--disable-warning=ExperimentalWarning', demo, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

/** Processes that were started with this folder among their arguments. */
async function processesOf(state: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(state));
}

test('a demo that is told to end while its servers start leaves none of them, and another may begin', { timeout: 120_000 }, async () => {
  const state = join(folder, 'ended');
  const child = start('--state', state);
  let seen = '';
  const starting = new Promise<void>((done) => child.stderr.on('data', (data: Buffer) => { if ((seen += data.toString()).includes('hdfs-a: starting')) done(); }));
  await starting;
  // One that runs is not taken its folder away.
  const other = start('--state', state);
  const [said, [refused]] = await Promise.all([text(other.stderr), once(other, 'exit')]);
  expect(said).toMatch(/^error: a demo runs already in /);
  expect(refused).toBe(1);
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  expect(seen).toContain('interrupted');
  expect(code).toBe(143);
  expect(await processesOf(state)).toEqual([]);
});

test('a demo does not remove a folder that no demo wrote', async () => {
  await writeFile(join(folder, 'precious'), 'precious');
  const child = start('--state', folder);
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(said).toMatch(/^error: .* holds what no demo wrote/);
  expect(code).toBe(1);
  expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('precious');
});
