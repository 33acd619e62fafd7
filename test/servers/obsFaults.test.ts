import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { labBucket, s3Request } from '../../lab/s3Account.ts';
import { createSecretReader } from '../../config/secrets.ts';
import { obs } from '../../storage/obs.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { obsFront, type ObsState } from '../obs/obsFront.ts';
import { bytesAt, keysOf, openObsScene, putSample, type ObsScene } from '../obs/openObs.ts';
import { resolveLocalhostNames } from '../obs/virtualHosts.ts';

// What befalls a bucket while a session is open: it vanishes, it is full, rights are taken away or expire.
const run = promisify(execFile);
const small = { multipartAbove: 5 << 20, partSize: 5 << 20 };
const LARGE = 6_000_000;
let scene: ObsScene;
beforeAll(async () => void (scene = await openObsScene(['s3-a', 's3-b'])), 120_000);
afterAll(async () => { await scene?.close(); }, 60_000);

/** Everything a session is asked for. */
function requestsOf(session: StorageSession): Record<string, () => Promise<unknown>> {
  return {
    stat: () => session.stat('kept'), get: () => bytesAt(session, 'kept'), list: () => keysOf(session), sweep: () => session.sweep(0), unfinished: () => Array.fromAsync(session.unfinished()),
    put: () => putSample(session, 'new'), putInParts: () => putSample(session, 'large', LARGE), remove: () => session.remove('absent'), removeSome: () => Promise.all(['a', 'b'].map((key) => session.remove(key))),
  };
}

/** The code each of them ends with, or `ok`. */
async function outcomesOf(session: StorageSession): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const [name, request] of Object.entries(requestsOf(session))) outcomes[name] = await request().then(() => 'ok', (error: { code: string }) => error.code);
  return outcomes;
}

test('a bucket that was never there is a mistake; one that vanishes is away, is not taken for empty, and is used again when it is back', async () => {
  await expect(scene.open(scene.settings('s3-b', { ...small, bucket: 'no-such-bucket' }))).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', hint: expect.stringContaining('create the bucket') });
  const settings = scene.settings('s3-b', small);
  await using session = await scene.open(settings);
  await putSample(session, 'kept', 1000);
  const bucket = join(scene.lab.place('s3-b').folder, 'data', labBucket);
  await rename(bucket, join(scene.folder, 'away'));
  await expect.poll(() => session.stat('kept').then(() => 'absent', (error: { code: string }) => error.code), { timeout: 10_000 }).toBe('E_DESTINATION_UNREACHABLE');
  await expect(putSample(session, 'new')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('bucket is gone'), hint: expect.stringContaining('goes on by itself') });
  // This server is content with a removal from no bucket.
  expect(await outcomesOf(session)).toMatchObject({ stat: 'E_DESTINATION_UNREACHABLE', get: 'E_DESTINATION_UNREACHABLE', list: 'E_DESTINATION_UNREACHABLE', sweep: 'E_DESTINATION_UNREACHABLE', unfinished: 'E_DESTINATION_UNREACHABLE', put: 'E_DESTINATION_UNREACHABLE', putInParts: 'E_DESTINATION_UNREACHABLE' });
  await expect(scene.open(settings)).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  await rename(join(scene.folder, 'away'), bucket);
  expect((await bytesAt(session, 'kept')).length).toBe(1000);
  await putSample(session, 'large', LARGE);
  expect(await keysOf(session)).toEqual(['kept', 'large']);
});

test.each(['', '<html><body>Please log in</body></html>', '<html><p>Please log in</html>'])('a page of something else that answers with success is neither an empty folder nor a stored object: %j', async (body) => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  await putSample(session, 'kept', 1000);
  proxy.fault = () => ({ answer: { status: 200, body } });
  const { remove: _one, removeSome: _some, ...outcomes } = await outcomesOf(session);
  expect(new Set(Object.values(outcomes))).toEqual(new Set(['E_DESTINATION_UNREACHABLE']));
  await expect(keysOf(session)).rejects.toMatchObject({ hint: expect.stringContaining('another kind of server') });
  await expect(scene.open(settings)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('another kind of server') });
  proxy.fault = () => undefined;
  expect(await keysOf(session)).toEqual(['kept']);
});

test('what a server says is shown in one short line, and only its own words', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  const told = async (body: string): Promise<string> => {
    proxy.fault = () => ({ answer: { status: 403, body } });
    return await keysOf(session).then(() => 'ok', (error: Error) => error.message);
  };
  expect(await told(`<Error><Code>AccessDenied</Code><Message>no,\n\u001b[2Jnever ${'x'.repeat(5000)}</Message></Error>`)).toMatch(/^HTTP 403 AccessDenied no, \[2Jnever x{200,300}…, at destination store/);
  expect(await told('no XML')).toMatch(/^HTTP 403, at/);
  expect(await told('<Error><Code>constructor</Code></Error>')).toMatch(/^HTTP 403 constructor, at/);
  await expect(keysOf(session)).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
});

test('a bucket that is deleted on another server is away too', async () => {
  await using session = await scene.open(scene.settings('s3-a', small));
  await putSample(session, 'kept', 1000);
  expect((await s3Request(scene.lab.place('s3-a'), 'DELETE', labBucket)).status).toBe(204);
  await expect(bytesAt(session, 'kept')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('bucket is gone') });
  await expect(keysOf(session)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect((await s3Request(scene.lab.place('s3-a'), 'PUT', labBucket)).status).toBe(200);
  await putSample(session, 'kept', 1000);
});

const full = [{ status: 507 }, { status: 507, code: 'InsufficientStorage' }, { status: 403, code: 'QuotaExceeded' }, { status: 403, code: 'InsufficientStorageSpace' }, { status: 400, code: 'XMinioAdminBucketQuotaExceeded' }] as const;
test.each(full)('space that is used up, said with status $status ($code), is waited for; nothing half is left', async (answer) => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  await putSample(session, 'kept', 1000);
  const refuse = (stage: (query: URLSearchParams, method: string) => boolean): void => {
    proxy.fault = ({ query, method }) => (stage(query, method) ? { answer } : undefined);
  };
  const isFull = { code: 'E_DESTINATION_FULL', hint: expect.stringMatching(/quota .*goes on by itself/) };
  refuse((query, method) => method === 'PUT' && query.size === 0);
  await expect(putSample(session, 'new')).rejects.toMatchObject(isFull);
  // At the beginning of an upload, at a part of it and at its end.
  for (const stage of ['uploads', 'partNumber', 'complete']) {
    refuse((query, method) => (stage === 'complete' ? method === 'POST' && query.has('uploadId') : query.has(stage)));
    await expect(putSample(session, 'large', LARGE)).rejects.toMatchObject(isFull);
  }
  proxy.fault = () => undefined;
  expect(await keysOf(session)).toEqual(['kept']);
  expect(await session.sweep(0)).toEqual([]);
  await putSample(session, 'large', LARGE);
});

test('rights that are taken away in the middle are said, with what to check; what is there stays, and is gone on with when they are back', { timeout: 60_000 }, async () => {
  const place = scene.lab.place('s3-a');
  await using session = await scene.open(scene.settings('s3-a', small));
  await putSample(session, 'kept', 1000);
  const file = join(place.folder, 's3.json');
  const before = await readFile(file, 'utf8');
  const { identities } = JSON.parse(before) as { identities: { name: string; credentials: unknown[]; actions: string[] }[] };
  const configure = async (text: string): Promise<void> => {
    await writeFile(file, text);
    process.kill(scene.lab.status()['s3-a']!.pids['weed']!, 'SIGHUP');
  };
  const untilNew = async (code: string): Promise<void> => void (await expect.poll(() => putSample(session, 'new').then(() => 'ok', (error: { code: string; details: { answer?: string } }) => error.details.answer ?? error.code), { timeout: 20_000 }).toBe(code));
  try {
    await configure(JSON.stringify({ identities: identities.map((each) => ({ ...each, actions: ['Read', 'List'] })) }));
    await untilNew('AccessDenied');
    await expect(putSample(session, 'large', LARGE)).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('rights on the bucket') });
    expect(await outcomesOf(session)).toEqual({ stat: 'ok', get: 'ok', list: 'ok', sweep: 'ok', unfinished: 'ok', put: 'E_DESTINATION_DENIED', putInParts: 'E_DESTINATION_DENIED', remove: 'E_DESTINATION_DENIED', removeSome: 'E_DESTINATION_DENIED' });
    await configure(JSON.stringify({ identities: [{ ...identities[0], credentials: [{ accessKey: 'ANOTHER', secretKey: 'another' }] }] }));
    await untilNew('InvalidAccessKeyId');
    expect(new Set(Object.values(await outcomesOf(session)))).toEqual(new Set(['E_DESTINATION_DENIED']));
    await expect(keysOf(session)).rejects.toMatchObject({ hint: expect.stringContaining('access key') });
  } finally {
    await configure(before);
  }
  await untilNew('ok');
  await putSample(session, 'large', LARGE);
  expect(await keysOf(session)).toEqual(['kept', 'large', 'new']);
});

test('a disk of the server that is full is said as far as the server says it, and nothing half is left', { timeout: 60_000 }, async () => {
  const settings = scene.settings('s3-b', small);
  const folder = join(scene.lab.place('s3-b').folder, 'data', labBucket, String(settings['path']));
  await mkdir(folder);
  // Mounting needs root; without it this fails, it does not skip.
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  try {
    await using session = await scene.open(settings);
    await putSample(session, 'kept', 2_000_000);
    await expect(putSample(session, 'large', 3_000_000)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('disk is full') });
    expect(await keysOf(session)).toEqual(['kept']);
  } finally {
    await run('umount', ['-l', folder]);
  }
});

test('a worker whose clock is wrong is told so', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 60_000 });
  try {
    await expect(scene.open(scene.settings('s3-b'))).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('clock of the worker') });
  } finally {
    vi.useRealTimers();
  }
});

test('temporary credentials go with every request, and are read again when they have expired', async () => {
  using _names = resolveLocalhostNames();
  const state: ObsState = { quota: 1000, used: 300, token: 'first-token', api: '3.0' };
  const { proxy, settings } = await scene.proxied('s3-a', { ...small, pathStyle: false }, { translate: obsFront(await scene.keys('s3-a'), state) });
  await using _ = proxy;
  const tokenFile = join(scene.folder, 'token');
  await writeFile(tokenFile, 'first-token', { mode: 0o600 });
  await using session = await scene.open({ ...settings, endpoint: `http://localhost:${proxy.port}`, securityToken: { file: tokenFile } });
  await putSample(session, 'a');
  expect(await session.space()).toEqual({ freeBytes: 700, totalBytes: 1000 });
  state.token = 'second-token';
  const isExpired = { code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('temporary credentials') };
  await expect(putSample(session, 'b')).rejects.toMatchObject(isExpired);
  // Of a refused HEAD the reason is not known.
  await expect(session.stat('a')).rejects.toMatchObject(isExpired);
  // As OBS says it; and while it is being replaced, it may be empty, or of another issue than the key.
  for (const answer of [{ status: 403, code: 'InvalidAccessKeyId' }, { status: 403, code: 'SignatureDoesNotMatch' }, { status: 400, code: 'InvalidToken' }]) {
    proxy.fault = () => ({ answer });
    await writeFile(tokenFile, '');
    await expect(putSample(session, 'b')).rejects.toMatchObject(isExpired);
    await expect(session.stat('a')).rejects.toMatchObject(isExpired);
  }
  const block = obs.config.parse({ ...settings, endpoint: `http://localhost:${proxy.port}`, securityToken: { file: tokenFile } });
  const context = { name: 'store', readSecret: createSecretReader(scene.folder) };
  await expect(obs.open(block, context)).rejects.toMatchObject({ code: 'E_SECRET' });
  await expect(obs.open(block, { ...context, mustExist: true })).rejects.toMatchObject(isExpired);
  proxy.fault = () => undefined;
  await writeFile(tokenFile, 'second-token');
  await putSample(session, 'b');
});
