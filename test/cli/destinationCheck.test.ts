import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answers } from '../../client/answers/answers.ts';
import { openProduct, type Answer } from '../../lab/product.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-check-'));
  await writeFile(join(folder, 'password'), 'hunter2-canary\n', { mode: 0o600 });
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** The command as a shell would start it: in this process it would not end by itself. */
async function shell(args: readonly string[]): Promise<Answer> {
  return await openProduct('', folder).run(...args);
}

describe('destination check', () => {
  const key = `SHA256:${'a'.repeat(43)}`;
  const lines = { away: `away: { type: SFTP, host: 127.0.0.1, port: 1, user: u, path: p, password: { file: password }, hostKey: ${key} }`, local: 'local: { type: LocalDir, path: FOLDER/local, allowRootFileSystem: true }', file: 'file: { type: LocalDir, path: FOLDER/password, allowRootFileSystem: true }' };
  const configured = async (...names: readonly (keyof typeof lines)[]): Promise<string> => {
    const config = join(folder, `${names.join('-')}.yaml`);
    await writeFile(config, `destinations:\n${names.map((name) => `  ${lines[name].replace('FOLDER', folder)}\n`).join('')}`);
    return config;
  };

  test('of a local folder alone ends in order, and says in words what is no case', async () => {
    const { code, stdout, stderr } = await shell(['destination', 'check', '--config', await configured('local'), '--quiet']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/leaves nothing behind +passed/);
    expect(stdout).toContain('local (LocalDir): what is stored survives a power loss; may be lost together with the cluster');
  });

  test('of several tells of the one that is away, and checks the others', async () => {
    const { code, stdout } = await shell(['destination', 'check', '--config', await configured('away', 'local'), '--output', 'json', '--quiet']);
    const { destinations } = answers['destination check']!.parse(JSON.parse(stdout)) as { destinations: { destination: string; cases: { name: string; status: string; reason: string }[] }[] };
    expect(destinations.map(({ destination, cases }) => [destination, cases.filter(({ status }) => status !== 'passed')])).toEqual([['away', [expect.objectContaining({ status: 'failed', reason: expect.stringContaining('E_DESTINATION_UNREACHABLE') })]], ['local', []]]);
    expect(code).toBe(6);
    const { code: refused } = await shell(['destination', 'check', '--config', await configured('file', 'away'), '--quiet']);
    expect(refused).toBe(4);
  });

  test('of one that is away fails with its code', async () => {
    const { code, stderr } = await shell(['destination', 'check', 'away', '--config', await configured('away', 'local'), '--quiet']);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^error\[E_DESTINATION_UNREACHABLE\]: .*\nhint: .*\n$/);
  });
});
