import { closeSync, createReadStream, mkdirSync, openSync, readFileSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createFramePool } from '../backupset/framePool.ts';
import { createSecretReader } from '../config/secrets.ts';
import { findDriver } from '../storage/drivers.ts';
import { freeOwnBuffer } from '../storage/freeOwnBuffer.ts';
import { atOnce } from './atOnce.ts';
import { HttpRequests } from './httpRequests.ts';

/**
 * A driver alone, in a process of its own, as peers copy: `driverAlone.ts put|get <folder> <block of the configuration as JSON> <file of digests>`. Every file an object.
 * `driverAlone.ts digest` with the same goes before: what an object's digest is, a driver is told, and holds the bytes against it.
 */
const [verb = '', folder = '', block = '', digestsFile = ''] = process.argv.slice(2);
const largeBytes = 16 << 20;
/** What is read at once. */
const blockBytes = 1 << 20;
type Digests = Record<string, { readonly length: number; readonly sha256: string }>;

if (verb === 'digest') {
  await using pool = createFramePool({ threads: availableParallelism() });
  const files = filesBelow(folder);
  const digests: Digests = {};
  await atOnce(2 * availableParallelism(), files, async (path) => { digests[relative(folder, path)] = await pool.digest(path); });
  writeFileSync(digestsFile, JSON.stringify(digests));
  process.exit(0);
}
const settings = JSON.parse(block) as { type: string };
const driver = findDriver(settings.type);
const requests = new HttpRequests();
await using session = await driver.open(driver.config.parse(settings) as never, { name: 'bench', readSecret: createSecretReader('/'), writer: 'bench' });

function filesBelow(root: string): string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true }).filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
}

async function put(path: string, digests: Digests): Promise<void> {
  const key = relative(folder, path);
  const expected = digests[key]!;
  if (expected.length <= blockBytes) return await session.put(key, [await readFile(path)], expected);
  // Who stores objects over HTTP keeps the blocks of a part until that is stored; the others are done with one when they ask for the next.
  await session.put(key, settings.type === 'OBS' ? createReadStream(path, { highWaterMark: blockBytes }) : blocksOf(path), expected);
}

/** As a pack is: in memory that is used again. */
async function* blocksOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path);
  const memory = Buffer.allocUnsafe(blockBytes);
  for (;;) {
    const { bytesRead } = await file.read(memory, 0, memory.length, null);
    if (bytesRead === 0) return;
    yield memory.subarray(0, bytesRead);
  }
}

async function get(key: string): Promise<void> {
  const path = join(folder, key);
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'w');
  try {
    for await (const chunk of session.get(key)) {
      for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
      freeOwnBuffer(chunk);
    }
  } finally {
    closeSync(file);
  }
}

if (verb === 'put') {
  const files = filesBelow(folder);
  const digests = JSON.parse(readFileSync(digestsFile, 'utf8')) as Digests;
  await atOnce(files.some((path) => statSync(path).size > largeBytes) ? 2 : 32, files, (path) => put(path, digests));
} else {
  const objects = await Array.fromAsync(session.list(''));
  await atOnce(objects.some(({ length }) => length > largeBytes) ? 4 : 32, objects.map(({ key }) => key), get);
}
process.stdout.write(`${JSON.stringify({ requests: requests.take() })}\n`);
