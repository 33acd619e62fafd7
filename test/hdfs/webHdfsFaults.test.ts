import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import { encodePath } from '../../protocols/webhdfs/encodePath.ts';
import { FileChecksum } from '../../protocols/webhdfs/fileChecksum.ts';
import { kindOf } from '../../protocols/webhdfs/webHdfsError.ts';

// Faults a real server does not show on demand: a standby, a stall, a short answer, a foreign redirection.
const servers: Server[] = [];
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const remote = (exception: string, message: string): string => JSON.stringify({ RemoteException: { exception, message } });
const status = JSON.stringify({ FileStatus: { type: 'FILE', length: 3, owner: 'o', group: 'g', permission: '644', modificationTime: 1, accessTime: 1, blockSize: 1, replication: 1 } });

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const part of source) size += part.length;
  return size;
}

test('a standby leads to the active NameNode, which is then asked first', async () => {
  let asked = 0;
  const standby = await serve((_request, response) => { asked++; response.writeHead(403).end(remote('StandbyException', 'Operation category READ is not supported in state standby')); });
  const active = await serve((_request, response) => response.end(status));
  await using client = createWebHdfs({ urls: [standby, active], user: 'u' });
  expect((await client.status('/a')).length).toBe(3);
  expect((await client.status('/a')).length).toBe(3);
  expect(asked).toBe(1);
});

test('without an active NameNode the error says so', async () => {
  const standby = await serve((_request, response) => response.writeHead(403).end(remote('StandbyException', 'standby')));
  await using client = createWebHdfs({ urls: [standby], user: 'u' });
  await expect(client.status('/a')).rejects.toMatchObject({ kind: 'standby', op: 'GETFILESTATUS', path: '/a' });
});

test('a redirection to another protocol is refused', async () => {
  const nameNode = await serve((_request, response) => response.end(JSON.stringify({ Location: 'file:///etc/passwd' })));
  await using client = createWebHdfs({ urls: [nameNode], user: 'u' });
  await expect(bytesOf(client.open('/a', 0, 1))).rejects.toMatchObject({ kind: 'invalid' });
});

test('a DataNode that stops sending, dies, or sends too little is an error', async () => {
  let mode = 'stall';
  const dataNode = await serve((_request, response) => {
    if (mode === 'short') response.end('ab');
    else {
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('abc');
      if (mode === 'die') setTimeout(() => response.destroy(), 20);
    }
  });
  const nameNode = await serve((_request, response) => response.end(JSON.stringify({ Location: `${dataNode}/x` })));
  await using client = createWebHdfs({ urls: [nameNode], user: 'u', stallMs: 200 });
  await expect(bytesOf(client.open('/a', 0, 10))).rejects.toMatchObject({ kind: 'unreachable', exception: 'ETIMEDOUT' });
  mode = 'die';
  await expect(bytesOf(client.open('/a', 0, 10))).rejects.toMatchObject({ kind: 'unreachable' });
  mode = 'short';
  await expect(bytesOf(client.open('/a', 0, 10))).rejects.toMatchObject({ kind: 'short' });
});

test('a caller that gives up is told its own reason', async () => {
  const nameNode = await serve(() => undefined);
  await using client = createWebHdfs({ urls: [nameNode], user: 'u' });
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await expect(client.status('/a', abort.signal)).rejects.toThrow('enough');
});

test('errors have neutral kinds', () => {
  expect(kindOf('IOException', 403, 'File /x could only be written to 0 of the 1 minReplication nodes.')).toBe('unreachable');
  expect(kindOf('DSQuotaExceededException', 403, '')).toBe('full');
  expect(kindOf('SafeModeException', 403, '')).toBe('safeMode');
  expect(kindOf('IOException', 403, 'Offset=5 out of the range [0, 1); OPEN, path=/a')).toBe('short');
});

test('every component of a path is encoded, and dots are refused', () => {
  expect(encodePath('/a b/%2F/é?#')).toBe('/webhdfs/v1/a%20b/%252F/%C3%A9%3F%23');
  expect(() => encodePath('/a/../b')).toThrow(TypeError);
});

test('the checksum of an empty file is the one HDFS gives', () => {
  expect(new FileChecksum(1 << 20, 512).digest()).toBe(`${'0'.repeat(24)}70bc8f4b72a86921468bf8e8441dce51`);
});

test('the checksum does not depend on how the bytes are cut', () => {
  const bytes = Buffer.alloc(5000, 'abcdefg');
  const whole = new FileChecksum(2048, 512);
  whole.update(bytes);
  const cut = new FileChecksum(2048, 512);
  for (let at = 0; at < bytes.length; at += 37) cut.update(bytes.subarray(at, at + 37));
  expect(cut.digest()).toBe(whole.digest());
});
