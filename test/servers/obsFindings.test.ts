import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeCertificates } from '../../lab/certificates.ts';
import { labBucket, s3Request } from '../../lab/s3Account.ts';
import { createSecretReader } from '../../config/secrets.ts';
import { obs } from '../../storage/obs.ts';
import { createAgents } from '../../storage/obs/obsAgents.ts';
import { createObsClient } from '../../storage/obs/obsClient.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import { obsFront, type ObsState } from '../obs/obsFront.ts';
import { bytesAt, openObsScene, putSample, type ObsScene } from '../obs/openObs.ts';
import { resolveLocalhostNames } from '../obs/virtualHosts.ts';

// What the SDK does wrong, one by one as the facts about it number them, and that a destination is not hit by it.
let scene: ObsScene;
beforeAll(async () => void (scene = await openObsScene(['s3-a'])), 120_000);
afterAll(async () => { await scene?.close(); }, 60_000);

const small = { multipartAbove: 5 << 20, partSize: 5 << 20 };
const problemsOf = (block: Record<string, unknown>): string[] => obs.config.safeParse(block).error?.issues.map((issue) => issue.path.join('.')) ?? [];

test('1: binary content is what is stored, from parts and from a stream, in one request and in many', async () => {
  const settings = scene.settings('s3-a', small);
  await using session = await scene.open(settings);
  for (const length of [100_000, 6_000_000]) {
    const body = randomBytes(length);
    const expected = { length, sha256: createHash('sha256').update(body).digest('hex') };
    await session.put(`parts-${length}`, [body.subarray(0, 70_001), body.subarray(70_001)], expected);
    await session.put(`stream-${length}`, (async function* () { yield body; })(), expected);
    for (const name of ['parts', 'stream']) {
      const stored = Buffer.from(await (await s3Request(scene.lab.place('s3-a'), 'GET', `${labBucket}/${String(settings['path'])}/${name}-${length}`)).arrayBuffer());
      expect(stored.equals(body)).toBe(true);
    }
  }
});

test('2: a server whose certificate is not trusted, or is another’s, is not spoken to', async () => {
  const settings = scene.settings('s3-a');
  const { caFile: _file, ...withoutAuthority } = settings;
  await expect(scene.open(withoutAuthority)).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('caFile') });
  const other = await makeCertificates({ folder: scene.folder }, ['other.example']);
  await expect(scene.open({ ...settings, caFile: other.authority })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
  const tls = { cert: await readFile(other.certificate, 'utf8'), key: await readFile(other.key, 'utf8') };
  const { proxy, settings: through } = await scene.proxied('s3-a', { caFile: other.authority, plainHttp: false }, { tls });
  await using _ = proxy;
  await expect(scene.open({ ...through, endpoint: `https://localhost:${proxy.port}` })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('other names') });
  expect(proxy.seen).toEqual([]);
  const old = await makeCertificates({ folder: join(scene.folder, 'secrets') }, ['localhost'], -1);
  const expired = await scene.proxied('s3-a', { caFile: old.authority, plainHttp: false }, { tls: { cert: await readFile(old.certificate, 'utf8'), key: await readFile(old.key, 'utf8') } });
  await using _expired = expired.proxy;
  await expect(scene.open(expired.settings)).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('renew the certificate') });
  expect(expired.proxy.seen).toEqual([]);
  await using session = await scene.open(through);
  expect(await session.stat('x')).toBeUndefined();
  await expect(scene.open({ ...settings, caFile: '/nonexistent.pem' })).rejects.toMatchObject({ code: 'E_CONFIG' });
  // TLS itself passes over what is no certificate, and then blames the server.
  await expect(scene.open({ ...settings, caFile: other.key })).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining('no certificate') });
  expect(problemsOf({ ...settings, endpoint: 'http://127.0.0.1:1' })).toEqual(['endpoint']);
});

test('3, 4: only signatures that the SDK can make are offered, and none becomes another in silence', () => {
  const settings = scene.settings('s3-a');
  expect(problemsOf({ ...settings, signature: 'v4' })).toEqual(['signature']);
  expect(problemsOf({ ...settings, signature: 'obs' })).toEqual(['signature']);
  expect(problemsOf({ ...settings, pathStyle: false })).toEqual(['pathStyle']);
  expect(problemsOf({ ...settings, signature: 'v2' })).toEqual([]);
});

test('an address is that of a server and nothing more, and holds no secret', () => {
  const settings = scene.settings('s3-a');
  for (const endpoint of ['obs.example.com', '127.0.0.1:9000', 'https://host/folder', 'https://[::1]:9000', 'https://key:secret@host', 'ftp://host', 'https:host']) expect(problemsOf({ ...settings, endpoint })).toEqual(['endpoint']);
  for (const endpoint of ['https://host/', 'HTTPS://host:8443']) expect(problemsOf({ ...settings, endpoint })).toEqual([]);
  for (const proxy of ['http://user:password@proxy:3128', 'http://proxy:3128/folder', 'https://proxy:3128', 'proxy:3128']) expect(problemsOf({ ...settings, proxy })).toEqual(['proxy']);
});

test.each([['3.0', 'OBS '], [undefined, 'AWS ']])('4: with the bucket in the host name, a server is asked once how to sign (it says %s)', async (api, dialect) => {
  using _names = resolveLocalhostNames();
  const state: ObsState = { quota: 0, used: 0, token: undefined, api };
  const { proxy, settings } = await scene.proxied('s3-a', { ...small, pathStyle: false }, { translate: obsFront(await scene.keys('s3-a'), state) });
  await using _ = proxy;
  await using session = await scene.open({ ...settings, endpoint: `http://localhost:${proxy.port}`, storageClass: 'STANDARD' });
  await putSample(session, 'a', 6_000_000);
  await putSample(session, 'b b/c', 10);
  expect((await bytesAt(session, 'a')).equals(Buffer.concat(await Array.fromAsync(sampleBody(6_000_000, 'a').body())))).toBe(true);
  expect((await Array.fromAsync(session.list(''))).map(({ key }) => key)).toEqual(['a', 'b b/c']);
  await Promise.all([session.remove('a'), session.remove('b b/c')]);
  const asked = proxy.seen.filter(({ query }) => query.has('apiversion'));
  expect(asked).toHaveLength(1);
  expect(asked[0]!.headers.authorization).toBeUndefined();
  for (const { headers } of proxy.seen.slice(1)) expect(headers.authorization).toMatch(new RegExp(`^${dialect}`));
  expect(proxy.seen.some(({ headers }) => headers[api === undefined ? 'x-amz-storage-class' : 'x-obs-storage-class'] === 'STANDARD')).toBe(true);
});

test('5: nothing escapes: a process that meets dead, hanging and lying servers, and nonsense for a key, ends well and tells no secret', { timeout: 60_000 }, async () => {
  const { proxy, settings } = await scene.proxied('s3-a', { ...small, stallSeconds: 2, accessKey: { env: 'KEY' }, secretKey: { env: 'SECRET' } });
  await using _ = proxy;
  // Let in to open; what comes then is of all kinds.
  const faults = [{ hang: true }, { reset: { direction: 'up', afterBytes: 1 } }, { answer: { status: 200, body: '<html>&#x1;%</p>' } }, { answer: { status: 302, headers: { location: 'http://127.0.0.1:1/' } } }, { answer: { status: 500, body: '{"not": "xml"' } }] as const;
  proxy.fault = ({ number }) => (number === 1 ? undefined : faults[number % faults.length]);
  const gone = { ...settings, endpoint: 'http://127.0.0.1:1' };
  const blocks = [settings, gone, { ...settings, endpoint: 'https://127.0.0.1:1' }, { ...settings, secretKey: { env: 'NONSENSE' } }];
  const { accessKey, secretKey } = await scene.keys('s3-a');
  const child = fileURLToPath(new URL('../obs/againstDeadServers.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--unhandled-rejections=strict', '--disable-warning=ExperimentalWarning', child, ...blocks.map((block) => JSON.stringify(block))], { env: { PATH: process.env['PATH'], KEY: accessKey, SECRET: secretKey, NONSENSE: 'a\u0001b ü' } });
  const outcomes = JSON.parse(stdout) as string[];
  expect(outcomes).toHaveLength(4);
  expect(outcomes[0]).toMatch(/^(E_[A-Z_]+ ?|ok ?){7}$/);
  expect(outcomes[0]).not.toContain('undefined');
  expect(outcomes.slice(1)).toEqual(['open: E_DESTINATION_UNREACHABLE', 'open: E_DESTINATION_UNREACHABLE', 'open: E_SECRET']);
  // 13: the SDK has a log, which it writes bodies and keys into; nobody turns it on.
  expect(stderr).toBe('');
  expect(stdout).not.toContain(secretKey);
});

test('5: what the SDK throws where nobody could catch it is a failure too', async () => {
  using _names = resolveLocalhostNames();
  const config = obs.config.parse(scene.settings('s3-a', { endpoint: 'https://localhost:1', pathStyle: false, signature: 'obs' }));
  const client = await createObsClient(config, await createAgents(config), createSecretReader(scene.folder), 'the store');
  const start = performance.now();
  // A name that cannot be part of a host: found by Node, in the middle of the SDK.
  await expect(client.call('HeadBucket', { Bucket: 'a\nb' }, { what: 'the bucket' })).rejects.toMatchObject({ name: 'Failure', message: expect.stringContaining('ERR_INVALID_CHAR') });
  expect(performance.now() - start).toBeLessThan(5000);
});

test('4: what the SDK would sign in another way than was asked for is refused', async () => {
  const config = { ...obs.config.parse(scene.settings('s3-a')), signature: 'obs' } as const;
  await expect(createObsClient(config, await createAgents(config), createSecretReader(scene.folder), 'the store')).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining('signed') });
});

test('6, 7: a refusal is a failure, and nothing is repeated behind our back', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  const attempts = async (): Promise<number> => {
    const before = proxy.seen.length;
    await expect(putSample(session, 'a')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    await expect(session.stat('a')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    return proxy.seen.length - before;
  };
  for (const status of [429, 500, 502, 503, 504]) {
    proxy.fault = () => ({ answer: { status, code: status === 503 ? 'SlowDown' : 'InternalError' } });
    expect(await attempts()).toBe(2);
  }
  // A connection that breaks on its first use is not tried again; one that was idle may have been closed by the server, and is once.
  proxy.fault = ({ method }) => (method === 'PUT' ? { reset: { direction: 'up', afterBytes: 1 } } : { answer: { status: 503 } });
  expect(await attempts()).toBeLessThanOrEqual(3);
  // What has no body the SDK would send three more times.
  proxy.fault = () => ({ reset: { direction: 'down', afterBytes: 0 } });
  const before = proxy.seen.length;
  await expect(Array.fromAsync(session.list(''))).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect(proxy.seen.length - before).toBe(1);
});

test('8, 9: silence ends a request and its connection, before an answer and in the middle of one', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using patient = await scene.open(settings);
  await putSample(patient, 'large', 3_000_000);
  await using session = await scene.open({ ...settings, stallSeconds: 2 });
  const within = async (work: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    await expect(work()).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    expect(performance.now() - start).toBeLessThan(15_000);
  };
  proxy.fault = () => ({ hang: true });
  await Promise.all([within(() => session.stat('large')), within(() => putSample(session, 'b', 100)), within(() => Array.fromAsync(session.list('')))]);
  proxy.fault = () => ({ stallAfterBytes: 1_000_000 });
  await within(() => bytesAt(session, 'large'));
  // What is open besides is idle, and closed soon.
  while ((await proxy.connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  // Slow is not silent, on either side.
  proxy.fault = () => undefined;
  let bytes = 0;
  for await (const chunk of session.get('large')) {
    if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 2600));
    bytes += chunk.length;
  }
  expect(bytes).toBe(3_000_000);
});

test('10, 15: what is shorter than promised is not even begun to be sent, and every body has its length', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  const before = proxy.seen.length;
  await expect(session.put('short', [Buffer.from('abc')], { length: 4, sha256: sampleBody(4, 'x').sha256 })).rejects.toMatchObject({ code: 'E_CORRUPT' });
  expect(proxy.seen.length).toBe(before);
  await session.put('empty', [], sampleBody(0, 'e'));
  await putSample(session, 'small', 1000);
  await putSample(session, 'large', 6_000_000);
  const puts = proxy.seen.filter(({ method }) => method === 'PUT');
  expect(puts.length).toBeGreaterThan(4);
  for (const { headers } of puts) {
    expect(headers['content-length']).toMatch(/^\d+$/);
    expect(headers['transfer-encoding']).toBeUndefined();
    // 17: and every body is preceded by its digest; 14: no condition is set, as none would be kept.
    expect(headers['content-md5']).toMatch(/^[A-Za-z0-9+/]{22}==$/);
    expect(headers['if-none-match']).toBeUndefined();
    // 16: the SDK calls every body JSON.
    expect(headers['content-type']).toBe('application/octet-stream');
  }
  expect(proxy.seen.find(({ query }) => query.has('uploads'))!.headers['content-type']).toBe('application/octet-stream');
});

test('11: an answer that is cut off is no end of an object', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  await putSample(session, 'large', 3_000_000);
  proxy.fault = () => ({ reset: { direction: 'down', afterBytes: 1_000_000 } });
  await expect(bytesAt(session, 'large')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
});

test('12: connections are used again', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  for (let i = 0; i < 20; i++) await putSample(session, `k${i}`, 100);
  expect(new Set(proxy.seen.map(({ port }) => port)).size).toBe(1);
});

test('14: a second object of a name replaces the first, whole', async () => {
  await using session = await scene.open(scene.settings('s3-a'));
  // It could not say whether there was none: so nobody is told that it could.
  expect(session.create).toBeUndefined();
  await session.put('a', sampleBody(1000, 'one').body(), sampleBody(1000, 'one'));
  await session.put('a', sampleBody(7, 'two').body(), sampleBody(7, 'two'));
  expect((await bytesAt(session, 'a')).length).toBe(7);
});

test('16: lengths are numbers, and a server that ignores ranges is found out', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small, { translate: (request) => {
    const { range: _range, ...headers } = request.headers;
    return { path: request.url!, headers };
  } });
  await using _ = proxy;
  await using session = await scene.open(settings);
  await putSample(session, 'a', 1000);
  expect(await session.stat('a')).toEqual({ length: 1000 });
  await expect(Array.fromAsync(session.get('a', { offset: 5, length: 10 }))).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
});

test.each([false, true])('17: a byte that flips on the way out is found before the object is there (server looks at digests: %s)', async (looks) => {
  using _names = resolveLocalhostNames();
  const state: ObsState = { quota: 0, used: 0, token: undefined, api: '3.0', ignoresDigests: !looks };
  const { proxy, settings } = await scene.proxied('s3-a', { ...small, pathStyle: false }, { translate: obsFront(await scene.keys('s3-a'), state) });
  await using _ = proxy;
  await using session = await scene.open({ ...settings, endpoint: `http://localhost:${proxy.port}` });
  proxy.fault = ({ method, query }) => (method === 'PUT' && (query.has('partNumber') || !query.has('uploads')) ? { flip: { direction: 'up', at: 500 } } : undefined);
  for (const length of [1000, 6_000_000]) {
    await expect(putSample(session, `flipped-${length}`, length)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    expect(await session.stat(`flipped-${length}`)).toBeUndefined();
  }
  proxy.fault = () => undefined;
  expect(await session.sweep(0)).toEqual([]);
});

test('18: parts do not wait for the slowest of a group', async () => {
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _ = proxy;
  await using session = await scene.open(settings);
  // It never ends.
  proxy.fault = ({ query }) => (query.get('partNumber') === '1' ? { hang: true } : undefined);
  const sample = sampleBody(35 << 20, 'large');
  const stop = new AbortController();
  const put = session.put('large', sample.body(), sample, stop.signal);
  await expect.poll(() => proxy.seen.some(({ query }) => query.get('partNumber') === '7'), { timeout: 20_000 }).toBe(true);
  stop.abort();
  await expect(put).rejects.toThrow();
  expect(await session.stat('large')).toBeUndefined();
});

test('19: a proxy is passed through when the configuration names one, and only then', async () => {
  let tunnels = 0;
  let plain = 0;
  let locked = false;
  const forward = http.createServer((request, response) => {
    plain++;
    if (locked) return void response.writeHead(407).end();
    const onward = http.request(request.url!, { method: request.method, headers: request.headers }, (answer) => void answer.pipe(response.writeHead(answer.statusCode!, answer.headers)));
    request.pipe(onward);
  }).on('connect', (request, socket, head) => {
    tunnels++;
    if (locked) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const [host, port] = request.url!.split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [onward, socket]) each.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => forward.listen(0, '127.0.0.1', resolve));
  const settings = scene.settings('s3-a', { proxy: `http://127.0.0.1:${(forward.address() as AddressInfo).port}` });
  {
    await using session = await scene.open(settings);
    await putSample(session, 'a', 1000);
    expect(tunnels).toBeGreaterThan(0);
  }
  // Without TLS it is asked for whole addresses, with the port.
  const unencrypted = await scene.proxied('s3-a', { proxy: settings['proxy'] });
  await using _ = unencrypted.proxy;
  {
    await using session = await scene.open(unencrypted.settings);
    await putSample(session, 'b', 1000);
    expect(plain).toBe(unencrypted.proxy.seen.length);
  }
  locked = true;
  for (const block of [settings, unencrypted.settings]) await expect(scene.open(block)).rejects.toMatchObject({ hint: expect.stringContaining('proxy') });
  const { proxy: _none, ...direct } = settings;
  const before = tunnels;
  // What other programs obey.
  const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY'];
  for (const name of variables) vi.stubEnv(name, settings['proxy'] as string);
  try {
    await using session = await scene.open(direct);
    expect(await session.stat('a')).toEqual({ length: 1000 });
  } finally {
    vi.unstubAllEnvs();
  }
  expect(tunnels).toBe(before);
  forward.closeAllConnections();
  forward.close();
});

test('20: a redirection is not followed, and nothing signed goes where it leads', async () => {
  const elsewhere = await scene.proxied('s3-a');
  const { proxy, settings } = await scene.proxied('s3-a', small);
  await using _one = proxy;
  await using _two = elsewhere.proxy;
  await using session = await scene.open(settings);
  proxy.fault = ({ path }) => ({ answer: { status: 307, code: 'TemporaryRedirect', headers: { location: `http://127.0.0.1:${elsewhere.proxy.port}${path}` } } });
  await expect(session.stat('a')).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  await expect(putSample(session, 'a')).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  expect(elsewhere.proxy.seen).toEqual([]);
});
