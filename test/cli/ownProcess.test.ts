import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** What only a process of its own shows: how it ends. */
const main = fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url));
let folder = '';
let config = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-process-'));
  config = join(folder, 'mrs-backup.yaml');
  await mkdir(join(folder, 'vault'));
  await writeFile(config, `destinations:\n  vault: { type: LocalDir, path: ${folder}/vault, allowRootFileSystem: true }\n`);
  await writeFile(join(folder, 'bad.yaml'), 'tsks: {}\n');
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

test('what a command came to is its exit code, also when nobody reads its result', async () => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'config', 'check', '--config', join(folder, 'bad.yaml')], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.destroy();
  expect((await once(child, 'exit'))[0]).toBe(2);
});

// A check of a local folder holds no connection: at its end it waits for nothing but its guard.
test('a destination check goes on to its result, and ends with it, when nobody reads its progress any more', async () => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'destination', 'check', 'vault', '--config', config, '--output', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.destroy();
  const [answer, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(code).toBe(0);
  expect(JSON.parse(answer)).toMatchObject({ destination: 'vault' });
});

test('a result that could not be written is a failure', async () => {
  await using full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'support', 'show', '--output', 'json'], { stdio: ['ignore', full.fd, 'pipe'] });
  const [errors, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
  expect(code).toBe(1);
  expect(errors).toMatch(/^error\[E_INTERNAL\]: the result could not be written: ENOSPC.*\nhint: /);
});
