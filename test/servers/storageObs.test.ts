import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { openProduct } from '../../lab/product.ts';
import { labBucket, s3Request } from '../../lab/s3Account.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { obs } from '../../storage/obs.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import { checkGuards } from './checkGuards.ts';
import { bytesAt, keysOf, openObsScene, putSample, type ObsScene } from '../obs/openObs.ts';

let scene: ObsScene;
beforeAll(async () => void (scene = await openObsScene(['s3-a', 's3-b'])), 120_000);
afterAll(async () => { await scene?.close(); }, 60_000);

const small = { multipartAbove: 5 << 20, partSize: 5 << 20 };

/** Names of all objects and unfinished uploads below a folder of the bucket, past the product. */
async function leftIn(server: string, folder: unknown): Promise<string[]> {
  const place = scene.lab.place(server);
  const keys = async (query: string | undefined): Promise<string[]> => {
    const text = await (await s3Request(place, 'GET', labBucket, { ...(query === undefined ? {} : { query }), search: `prefix=${String(folder)}/` })).text();
    return [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => match[1]!);
  };
  return [...(await keys(undefined)), ...(await keys('uploads'))];
}

test.each(['s3-a', 's3-b'])('%s keeps every promise of a destination, and nothing stays behind', { timeout: 240_000 }, async (server) => {
  const settings = scene.settings(server, small);
  {
    // Of a check that was killed two hours ago.
    await using session = await scene.open(settings);
    await putSample(session, `.conformance-${Date.now() - 7_200_000}-0123abcd/large`, 100);
  }
  const results: ConformanceResult[] = [];
  for await (const result of checkDestination(() => scene.open(settings), obs.capabilities, { exclusive: true, largeBytes: 8 << 20, listed: 60 })) results.push(result);
  expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(results.filter(({ status }) => status === 'unsupported').map(({ name, reason }) => [name, reason])).toEqual([['very long names', expect.stringContaining('1,024 bytes')], ['space', 'the destination does not say']]);
  expect(await leftIn(server, settings['path'])).toEqual([]);
});

test('a destination check that is killed leaves nothing behind, no unfinished uploads either', { timeout: 120_000 }, async () => {
  const settings = scene.settings('s3-a', small);
  const config = join(scene.folder, 'check.yaml');
  await writeFile(config, stringify({ destinations: { store: settings } }));
  const product = openProduct(config, join(scene.folder, 'engine'));
  const { child } = product.start(['destination', 'check', 'store']);
  const isThere = async (part: string): Promise<boolean> => (await leftIn('s3-a', settings['path'])).some((name) => name.includes(part));
  while (!(await isThere('/large'))) await sleep(50);
  child.kill('SIGKILL');
  expect(await isThere('/large')).toBe(true);
  await expect.poll(() => leftIn('s3-a', settings['path']), { timeout: 60_000, interval: 250 }).toEqual([]);
  await expect.poll(() => checkGuards(config), { timeout: 60_000, interval: 250 }).toEqual([]);
});

test('a destination check of which nothing may be removed shows what it saw, and why it ended', { timeout: 120_000 }, async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  const config = join(scene.folder, 'keep.yaml');
  await writeFile(config, stringify({ destinations: { store: settings } }));
  proxy.fault = ({ method, query }) => ((method === 'DELETE' && query.size === 0) || query.has('delete') ? { answer: { status: 403, code: 'AccessDenied' } } : undefined);
  const { code, stdout } = await openProduct(config, join(scene.folder, 'engine')).run('destination', 'check', 'store', '--output', 'json', '--quiet');
  proxy.fault = () => undefined;
  expect(code).toBe(1);
  const { cases } = JSON.parse(stdout) as { cases: ConformanceResult[] };
  expect(cases.find(({ name }) => name === 'ranges')?.status).toBe('passed');
  expect(cases.find(({ name }) => name === 'removing twice')).toMatchObject({ status: 'failed', reason: expect.stringContaining('AccessDenied') });
  expect(cases.at(-1)).toMatchObject({ status: 'failed', reason: expect.stringContaining('rights on the bucket') });
  // What cleans up after a check that did not end in order.
  await expect.poll(() => leftIn('s3-a', settings['path']), { timeout: 60_000, interval: 250 }).toEqual([]);
  await expect.poll(() => checkGuards(config), { timeout: 60_000, interval: 250 }).toEqual([]);
});

test('unfinished uploads of a dead writer go by its name at once, others only by age', async () => {
  const settings = scene.settings('s3-a', small);
  const sample = sampleBody(12 << 20, 'unfinished');
  // A process of its own, killed in the middle of a write: there is nobody left to clean up.
  const writer = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', `
    const { obs } = await import(${JSON.stringify(new URL('../../storage/obs.ts', import.meta.url).href)});
    const { createSecretReader } = await import(${JSON.stringify(new URL('../../config/secrets.ts', import.meta.url).href)});
    const session = await obs.open(obs.config.parse(${JSON.stringify(settings)}), { name: 'store', readSecret: createSecretReader('/'), writer: 'run-1' });
    const block = new Uint8Array(6 << 20);
    await session.put('a/b', (async function* () { yield block; console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 60_000)); })(), ${JSON.stringify({ length: sample.length, sha256: sample.sha256 })});`], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => writer.stdout.once('data', resolve));
  while ((await leftIn('s3-a', settings['path'])).length < 2) await sleep(20);
  writer.kill('SIGKILL');
  await using stranger = await scene.open(settings, 'run-2');
  expect(await keysOf(stranger)).toEqual([]);
  expect(await stranger.sweep(60 * 60 * 1000)).toEqual([]);
  await using successor = await scene.open(settings, 'run-1');
  expect(await successor.sweep(60 * 60 * 1000)).toEqual(['a/b']);
  expect(await leftIn('s3-a', settings['path'])).toEqual([]);
  // Begun, but not yet marked as anybody's.
  expect((await s3Request(scene.lab.place('s3-a'), 'POST', `${labBucket}/${String(settings['path'])}/c`, { query: 'uploads' })).status).toBe(200);
  expect(await stranger.sweep(60 * 60 * 1000)).toEqual([]);
  await sleep(1100);
  expect(await stranger.sweep(1000)).toEqual(['c']);
  expect(await leftIn('s3-a', settings['path'])).toEqual([]);
  // Or below a folder that is named: whoever names it knows that its writer is dead.
  for (const key of ['d/e', 'dd/e']) expect((await s3Request(scene.lab.place('s3-a'), 'POST', `${labBucket}/${String(settings['path'])}/${key}`, { query: 'uploads' })).status).toBe(200);
  expect(await stranger.sweep(60 * 60 * 1000, undefined, 'd/')).toEqual(['d/e']);
  expect(await stranger.sweep(60 * 60 * 1000, undefined, 'dd/')).toEqual(['dd/e']);
});

test('a listing of many pages is in the order of keys, and leaves others’ objects out', { timeout: 60_000 }, async () => {
  const settings = scene.settings('s3-b');
  await using session = await scene.open(settings);
  const keys = Array.from({ length: 1030 }, (_, i) => (i < 520 ? `d/x/${i}` : i < 1000 ? `d-${i}` : `e.${i}/deep/a b`));
  for (let i = 0; i < keys.length; i += 32) await Promise.all(keys.slice(i, i + 32).map((key) => putSample(session, key, 3)));
  const place = scene.lab.place('s3-b');
  for (const foreign of ['d/not ours', 'z/%2x']) await s3Request(place, 'PUT', `${labBucket}/${String(settings['path'])}/${encodeURIComponent(foreign).replaceAll('%2F', '/')}`, { body: Buffer.from('x') });
  expect(await keysOf(session)).toEqual([...keys].sort(compareKeys));
  expect(await keysOf(session, 'd/')).toEqual(keys.slice(0, 520).sort(compareKeys));
  expect(await keysOf(session, 'nothing/')).toEqual([]);
});

test('many removals at once are few requests', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
  await Promise.all(keys.map((key) => putSample(session, key)));
  const before = proxy.seen.length;
  await Promise.all([...keys, 'not there'].map((key) => session.remove(key)));
  expect(proxy.seen.slice(before).map(({ method, query }) => `${method}${query.has('delete') ? ' batch' : ''}`)).toEqual(['POST batch']);
  expect(await keysOf(session)).toEqual([]);
});

test('of many removals, those that the server refused fail, each with its reason, and the others are done', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  const outcomes = async (...errors: readonly (readonly [key: string, code: string])[]): Promise<string[]> => {
    proxy.fault = ({ query }) => (query.has('delete') ? { answer: { status: 200, body: `<DeleteResult>${errors.map(([key, code]) => `<Error><Key>${key}</Key><Code>${code}</Code><Message>made up</Message></Error>`).join('')}</DeleteResult>` } } : undefined);
    return (await Promise.allSettled(['a', 'b', 'c c'].map((key) => session.remove(key)))).map((outcome) => (outcome.status === 'fulfilled' ? 'ok' : (outcome.reason as { code: string }).code));
  };
  const root = String(settings['path']);
  expect(await outcomes()).toEqual(['ok', 'ok', 'ok']);
  expect(await outcomes([`${root}/b`, 'AccessDenied'])).toEqual(['ok', 'E_DESTINATION_DENIED', 'ok']);
  expect(await outcomes([`${root}/a`, 'NoSuchKey'], [`${root}/b`, 'ServiceUnavailable'], [`${root}/c%20c`, 'InternalError'])).toEqual(['ok', 'E_DESTINATION_UNREACHABLE', 'E_DESTINATION_UNREACHABLE']);
  // Of none of them: perhaps of any.
  expect(await outcomes(['', 'AccessDenied'])).toEqual(['E_DESTINATION_DENIED', 'E_DESTINATION_DENIED', 'E_DESTINATION_DENIED']);
});

test('an unfinished upload whose age the server does not tell is not swept', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  proxy.fault = ({ query }) => (query.get('prefix')?.endsWith('/.tmp/') === true ? { answer: { status: 200, body: `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>${String(settings['path'])}/.tmp/run-2.x</Key><Size>1</Size><LastModified>yesterday</LastModified></Contents></ListBucketResult>` } } : undefined);
  expect(await session.sweep(60 * 60 * 1000)).toEqual([]);
  expect(proxy.seen.filter(({ method }) => method === 'DELETE')).toEqual([]);
});

test('a key too long for the service is refused, and so is a path that two destinations share', async () => {
  await using session = await scene.open(scene.settings('s3-a'));
  await expect(putSample(session, 'n'.repeat(1020))).rejects.toMatchObject({ code: 'E_UNSUPPORTED', message: expect.stringContaining('1024') });
  const config = join(scene.folder, 'shared.yaml');
  const one = scene.settings('s3-a', { path: 'a/b' });
  await writeFile(config, stringify({ destinations: { one, two: { ...one, path: 'a', accessKey: { env: 'OTHER' } } } }));
  const { stdout, stderr } = await openProduct(config, scene.folder).run('config', 'check');
  expect(`${stdout}${stderr}`).toContain('overlaps with the destination one');
});

test('storage class and encryption go with every object, and what the server cannot do is said', async () => {
  const { proxy, settings } = await scene.proxied('s3-b', small);
  await using _ = proxy;
  {
    await using session = await scene.open({ ...settings, storageClass: 'WARM' });
    await putSample(session, 'warm', 6_000_000);
    const made = proxy.seen.filter(({ method, query, path }) => path.endsWith('/warm') && (method === 'POST' && query.has('uploads')));
    expect(made.map(({ headers }) => headers['x-amz-storage-class'])).toEqual(['STANDARD_IA']);
  }
  {
    // As OBS and S3 refuse a class that they do not have.
    await using session = await scene.open({ ...settings, storageClass: 'INTELLIGENT_TIERING' });
    proxy.fault = ({ headers }) => (headers['x-amz-storage-class'] === 'INTELLIGENT_TIERING' ? { answer: { status: 400, code: 'InvalidStorageClass' } } : undefined);
    await expect(putSample(session, 'tiered')).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('storageClass') });
    proxy.fault = () => undefined;
  }
  await using encrypted = await scene.open({ ...settings, serverSideEncryption: { kms: true, keyId: 'key-1' } });
  await expect(putSample(encrypted, 'secret')).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('serverSideEncryption') });
  expect(proxy.seen.at(-1)!.headers).toMatchObject({ 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'key-1' });
});

test('with a key of ours, the server keeps what only that key opens', async () => {
  const keyFile = join(scene.folder, 'customer.key');
  await writeFile(keyFile, randomBytes(32).toString('hex'), { mode: 0o600 });
  const settings = scene.settings('s3-a', small);
  await using session = await scene.open({ ...settings, serverSideEncryption: { customerKey: { file: keyFile } } });
  for (const length of [1000, 6_000_000]) {
    await putSample(session, `ours-${length}`, length);
    expect((await bytesAt(session, `ours-${length}`)).equals(Buffer.concat(await Array.fromAsync(sampleBody(length, `ours-${length}`).body())))).toBe(true);
    expect(await session.stat(`ours-${length}`)).toEqual({ length });
    await using without = await scene.open(settings);
    await expect(bytesAt(without, `ours-${length}`)).rejects.toMatchObject({ name: 'Failure' });
  }
  await writeFile(keyFile, 'too short', { mode: 0o600 });
  await expect(scene.open({ ...settings, serverSideEncryption: { customerKey: { file: keyFile } } })).rejects.toMatchObject({ code: 'E_SECRET' });
});
