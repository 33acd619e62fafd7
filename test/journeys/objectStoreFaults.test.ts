import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectDbservice } from '../../lab/dbservice.ts';
import { openProduct, type Product } from '../../lab/product.ts';
import { labBucket, s3KeyFiles, s3Request } from '../../lab/s3Account.ts';
import type { FaultProxy, Seen } from '../obs/faultProxy.ts';
import { openObsScene, type ObsScene } from '../obs/openObs.ts';
import { untilShown, type RestoreAnswer, type RunAnswer } from './openJourney.ts';

/** Runs against an object store that fails in every way that it can, and through which they must come. */
let scene: ObsScene;
let product: Product;
let proxy: FaultProxy;
let folder: unknown;

beforeAll(async () => {
  scene = await openObsScene(['s3-a', 'dbservice']);
  const through = await scene.proxied('s3-a', { multipartAbove: 5 << 20, partSize: 5 << 20, stallSeconds: 20 });
  proxy = through.proxy;
  const store = through.settings;
  folder = store['path'];
  const reader = s3KeyFiles(scene.lab.place('s3-a'), 'reader');
  const wrong = join(scene.folder, 'secrets', 'wrong');
  await writeFile(wrong, 'not-the-key', { mode: 0o600 });
  const destinations = {
    store,
    wrongKey: { ...store, path: 'wrong', secretKey: { file: wrong } },
    noBucket: { ...store, path: 'none', bucket: 'no-such-bucket' },
    readOnly: { ...store, path: 'readable', accessKey: { file: reader.accessKey }, secretKey: { file: reader.secretKey } },
    gone: { ...store, path: 'gone', endpoint: 'http://127.0.0.1:1' },
  };
  const tasks = Object.fromEntries(Object.keys(destinations).map((name) => [name, { cluster: 'prod', sources: [{ source: 'dbservice', databases: ['hivemeta'] }], destinations: [name], policy: { incremental: true } }]));
  const config = parse(await readFile(scene.lab.config(), 'utf8')) as Record<string, unknown>;
  await writeFile(join(scene.folder, 'faults.yaml'), stringify({ ...config, destinations, tasks }, { aliasDuplicateObjects: false }));
  const client = await connectDbservice(scene.lab.place('dbservice'), 'hivemeta');
  await client.query(`create table bulk as select i, (select string_agg(md5(i::text || '-' || j), '') from generate_series(1, 32) as j) as text from generate_series(1, 22000) as i; alter table bulk owner to hive`);
  await client.end();
  product = openProduct(join(scene.folder, 'faults.yaml'), join(scene.folder, 'engine'));
  await product.up();
}, 180_000);

afterAll(async () => {
  await product?.down();
  await proxy?.[Symbol.asyncDispose]();
  await scene?.close();
}, 60_000);

/** Whether a request stores a pack, or a part of one. */
const storesPack = ({ method, path, query }: Seen): boolean => path.includes('/packs/') && method === 'PUT' && (query.has('partNumber') || query.size === 0);
const readsPack = ({ method, path }: Seen): boolean => path.includes('/packs/') && method === 'GET';

const verified = async (setId: string, codes?: readonly number[]): Promise<{ ok: boolean }> => await product.json<{ ok: boolean }>(['set', 'verify', setId, '--destination', 'store', '--level', 'content'], codes);
const setsAtStore = async (): Promise<string[]> => (await product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'store'])).sets.map(({ setId }) => setId);

/** What a finished run must not leave in the bucket. */
async function leftovers(): Promise<string[]> {
  const listed = async (query?: string): Promise<string[]> => [...(await (await s3Request(scene.lab.place('s3-a'), 'GET', labBucket, { ...(query === undefined ? {} : { query }), search: `prefix=${String(folder)}/` })).text()).matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => match[1]!);
  return [...(await listed()).filter((name) => /\/(staging|\.tmp)\//.test(name)), ...(await listed('uploads')).map((name) => `unfinished ${name}`)];
}

describe('a run to an object store', () => {
  it('comes through a broken connection and a flipped byte, waits while the quota is used up and while the server is dead, and seals', async () => {
    // Waits grow with every attempt: what does not wait comes first, and all at once.
    let parts = 0;
    proxy.fault = (seen) => {
      if (!storesPack(seen)) return undefined;
      parts++;
      if (parts > 4) return { answer: { status: 403, code: 'InsufficientStorageSpace' } };
      return parts % 2 === 1 ? { reset: { direction: 'up', afterBytes: 2 << 20 } } : { flip: { direction: 'up', at: 100_000 } };
    };
    const { runId } = await product.json<{ runId: string }>(['task', 'run', 'store', '--detach']);
    await untilShown(product, runId, (view) => view.waitingFor?.includes('InsufficientStorageSpace') === true);
    let isSlow = false;
    proxy.fault = (seen) => {
      if (!storesPack(seen)) return undefined;
      isSlow = true;
      return { bytesPerSecond: 2 << 20 };
    };
    while (!isSlow) await new Promise((resolve) => setTimeout(resolve, 50));
    await scene.lab.kill('s3-a');
    await untilShown(product, runId, (view) => /ECONNRESET|socket hang up/.test(view.waitingFor ?? ''));
    await scene.lab.up(['s3-a']);
    const outcome = await product.json<RunAnswer>(['run', 'watch', runId]);
    proxy.fault = () => undefined;
    expect(outcome.outcome).toBe('sealed');
    expect(parts).toBeGreaterThan(4);
    expect(await verified(outcome.setIds[0]!)).toMatchObject({ ok: true });
    expect(await leftovers()).toEqual([]);
  }, 240_000);

  it('whose bucket vanishes in the middle waits for it, and seals when it is back', async () => {
    let vanishes = false;
    proxy.fault = (seen) => ((vanishes ||= storesPack(seen)) ? { answer: { status: 404, code: 'NoSuchBucket' } } : undefined);
    const { runId } = await product.json<{ runId: string }>(['task', 'run', 'store', '--full', '--detach']);
    await untilShown(product, runId, (view) => view.waitingFor?.includes('E_DESTINATION_UNREACHABLE') === true && /bucket is gone|NoSuchBucket/.test(view.waitingFor));
    proxy.fault = () => undefined;
    const outcome = await product.json<RunAnswer>(['run', 'watch', runId]);
    expect(outcome.outcome).toBe('sealed');
    expect(await verified(outcome.setIds[0]!)).toMatchObject({ ok: true });
    expect(await leftovers()).toEqual([]);
  }, 120_000);

  it('whose listings lag behind is sealed and verified all the same', async () => {
    proxy.fault = () => ({ lagMs: 60_000 });
    const outcome = await product.json<RunAnswer>(['task', 'run', 'store', '--full']);
    expect(outcome.outcome).toBe('sealed');
    proxy.fault = () => undefined;
    expect(await verified(outcome.setIds[0]!)).toMatchObject({ ok: true });
    expect(await setsAtStore()).toHaveLength(3);
  }, 120_000);

  it('is asked for nothing twice by a command that looks at one set', async () => {
    const setId = (await setsAtStore()).at(-1)!;
    for (const command of [['show', setId], ['extract', setId, 'dbservice', 'databases/hivemeta', '--to', join(scene.folder, 'out')]]) {
      const before = proxy.seen.length;
      await product.json(['set', ...command, '--destination', 'store']);
      const asked = proxy.seen.slice(before).map(({ method, path, query, headers }) => `${method} ${path}?${String(query)} ${headers.range ?? ''}`);
      expect(asked.filter((each, i) => asked.indexOf(each) < i), command[0]).toEqual([]);
    }
  }, 60_000);

  it.each([['wrongKey', 'E_DESTINATION_DENIED'], ['noBucket', 'E_DESTINATION_PATH'], ['readOnly', 'E_DESTINATION_DENIED']])('with %s is refused at once, with the reason', async (task, code) => {
    const answer = await product.run('task', 'run', task, '--output', 'json', '--quiet');
    expect(answer.code).toBe(4);
    expect(`${answer.stdout}${answer.stderr}`).toContain(code);
    expect(`${answer.stdout}${answer.stderr}`).not.toContain('not-the-key');
  }, 60_000);

  it('whose server is gone for good waits, says for what, and can be cancelled', async () => {
    const { runId } = await product.json<{ runId: string }>(['task', 'run', 'gone', '--detach']);
    await untilShown(product, runId, (view) => view.waitingFor?.includes('ECONNREFUSED') === true);
    await product.json(['run', 'cancel', runId]);
    await untilShown(product, runId, (view) => view.state === 'cancelled');
  }, 90_000);
});

describe('bytes that flip on the way in', () => {
  it('are found by verification, and by a restoration before anything wrong is written', async () => {
    const setId = (await setsAtStore()).at(-1)!;
    const flip = { flip: { direction: 'down', at: 60_000 } } as const;
    proxy.fault = (seen) => (readsPack(seen) ? flip : undefined);
    expect(await verified(setId, [3])).toMatchObject({ ok: false });
    const plan = async (): Promise<string> => (await product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', 'store'])).planId;
    const hit = await product.run('restoration', 'run', await plan(), '--yes', '--output', 'json', '--quiet');
    expect(hit.code).toBe(3);
    proxy.fault = () => undefined;
    expect(await verified(setId)).toMatchObject({ ok: true });
    const client = await connectDbservice(scene.lab.place('dbservice'));
    for (const { datname } of (await client.query<{ datname: string }>(`select datname from pg_database where datname like 'hivemeta_restored%'`)).rows) await client.query(`drop database "${datname}" with (force)`);
    await client.end();
    const outcome = await product.json<RestoreAnswer>(['restoration', 'run', await plan(), '--yes']);
    expect(outcome).toMatchObject({ outcome: 'restored', sources: [{ differences: 0, missing: 0 }] });
  }, 180_000);
});

describe('the keys of the store', () => {
  it('are in nothing that the engine and its worker wrote', async () => {
    const { accessKey, secretKey } = await scene.keys('s3-a');
    const written = (await readdir(join(scene.folder, 'engine'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const bytes = Buffer.concat(await Promise.all(written.map((file) => readFile(file))));
    // It is looked into, down to the payloads.
    expect(bytes.includes('NoSuchBucket')).toBe(true);
    for (const key of [accessKey, secretKey, 'not-the-key']) for (const form of [key, Buffer.from(key).toString('hex'), Buffer.from(key).toString('base64').slice(0, -4)]) expect(bytes.includes(form)).toBe(false);
  });
});
