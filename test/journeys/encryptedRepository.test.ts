import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openCommandScene, type CommandScene } from './openCommands.ts';
import type { RunAnswer } from './openJourney.ts';

// Many commands, each with an engine, a worker and servers beside it.
vi.setConfig({ testTimeout: 300_000 });
let scene: CommandScene;
let product: CommandScene['product'];
let folder: CommandScene['folder'];
let ask: CommandScene['ask'];
let refused: CommandScene['refused'];

beforeAll(async () => {
  scene = await openCommandScene(['dbservice']);
  ({ product, folder, ask, refused } = scene);
}, 240_000);
afterAll(async () => { await scene?.close(); });

describe('an encrypted repository', () => {
  let setId: string;

  it('is written by a task and read by configuration, or by folder and a file with the secret', async () => {
    const run = await ask<RunAnswer>(['task', 'run', 'crypt']);
    expect(run.outcome).toBe('sealed');
    setId = run.setIds[0]!;
    for (const name of ['sealed', 'locked']) {
      // Every pack was read back when it was stored: the verification of the run looked only whether they are there.
      const packs = (await readdir(join(folder, name, 'packs'), { recursive: true })).filter((each) => /[0-9a-f]{64}$/.test(each)).length;
      const proof = (await readdir(join(folder, name, 'sets'), { recursive: true })).find((each) => each.endsWith('-stored-good.json'))!;
      expect(JSON.parse(await readFile(join(folder, name, 'sets', proof), 'utf8'))).toMatchObject({ ok: true, readBackBefore: packs });
    }
    const by = { sealed: ['--passphrase-file', join(folder, 'passphrase')], locked: ['--key-file', join(folder, 'key')] };
    for (const [name, secret] of Object.entries(by)) {
      for (const where of [['--destination', name], ['--destination', join(folder, name), ...secret]]) {
        expect((await ask<{ sets: object[] }>(['set', 'list', ...where])).sets).toHaveLength(1);
        await ask(['set', 'show', setId, ...where]);
        expect(await ask(['set', 'verify', setId, '--level', 'content', ...where])).toMatchObject({ ok: true });
        const out = join(folder, `out-${where.length}-${name}`);
        expect(await ask(['set', 'extract', setId, 'dbservice', 'databases/hivemeta', '--to', out, ...where])).toMatchObject({ failedTotal: 0 });
        expect(existsSync(join(out, 'databases/hivemeta/dump/toc.dat'))).toBe(true);
      }
    }
    expect((await ask<{ sets: object[] }>(['set', 'list', '--destination', 'sealed'])).sets[0]).toMatchObject({ verified: 'content' });
  });

  it('does not open to a wrong secret, and says what is missing', async () => {
    for (const secret of [['--passphrase-file', join(folder, 'wrong')], ['--key-file', join(folder, 'key')], []]) {
      const { hint, message } = await refused(['set', 'extract', setId, 'dbservice', 'databases/hivemeta', '--to', join(folder, 'never'), '--destination', join(folder, 'sealed'), ...secret], 2, 'E_KEY');
      expect(`${message} ${hint}`).toMatch(/passphrase/);
    }
    await refused(['set', 'list', '--destination', join(folder, 'locked'), '--key-file', join(folder, 'wrong-key')], 2, 'E_KEY');
    await refused(['set', 'list', '--destination', join(folder, 'locked'), '--key-file', join(folder, 'absent')], 2, 'E_SECRET');
    expect(existsSync(join(folder, 'never'))).toBe(false);
    const { message } = await refused(['set', 'extract', setId, 'dbservice', 'databases/hivemeta', '--to', join(folder, 'key'), '--destination', join(folder, 'sealed'), '--passphrase-file', join(folder, 'passphrase')], 2, 'E_USAGE');
    expect(message).toContain('cannot be a folder');
  });

  it('is listed, and verified as deep as its clear frames lead, also when the key is lost; that leaves no proof', async () => {
    const where = ['--destination', join(folder, 'locked')];
    const proofs = async (): Promise<string[]> => (await readdir(join(folder, 'locked', 'sets'), { recursive: true })).filter((each) => each.includes('/proofs/'));
    const before = await proofs();
    expect((await ask<{ sets: object[] }>(['set', 'list', ...where])).sets).toHaveLength(1);
    for (const level of ['presence', 'stored']) expect(await ask(['set', 'verify', setId, '--level', level, ...where])).toMatchObject({ ok: true });
    for (const args of [['verify', setId, '--level', 'content'], ['show', setId]]) await refused(['set', ...args, ...where], 2, 'E_KEY');
    expect(await proofs()).toEqual(before);
  });
});

describe('extracting from a damaged set', () => {
  it('names what could not be extracted, brings the rest, and ends with exit code 3', async () => {
    const setId = (await ask<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'locked'])).sets[0]!.setId;
    for (const name of await readdir(join(folder, 'locked', 'packs'), { recursive: true })) {
      const path = join(folder, 'locked', 'packs', name);
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes === undefined) continue;
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(path, bytes);
    }
    const args = ['set', 'extract', setId, 'dbservice', 'databases', '--destination', 'locked'];
    const report = await ask<{ files: number; failed: { key: string; reason: string }[]; failedTotal: number }>([...args, '--to', join(folder, 'part')], [3]);
    expect(report.failedTotal).toBeGreaterThan(0);
    expect(report.failed).toHaveLength(report.failedTotal);
    const text = await product.run(...args, '--to', join(folder, 'part-2'));
    expect(text).toMatchObject({ code: 3, stdout: expect.stringContaining(`${report.failedTotal} entries could not be extracted`) });
    expect(text.stdout).toContain(report.failed[0]!.key);
    expect(await ask(['set', 'verify', setId, '--destination', 'locked', '--level', 'content'], [3])).toMatchObject({ ok: false });
    expect((await ask<{ sets: object[] }>(['set', 'list', '--destination', 'locked'])).sets[0]).toMatchObject({ state: 'damaged' });
  });
});
