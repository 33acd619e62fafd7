import { hash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createFramePool } from '../backupset/framePool.ts';
import { createSecretReader } from '../config/secrets.ts';
import { findDriver } from '../storage/drivers.ts';
import { atOnce } from './atOnce.ts';
import { HttpRequests } from './httpRequests.ts';

/**
 * A driver alone, in a process of its own, as peers copy: `driverAlone.ts put|get <folder> <block of the configuration as JSON>`. Every file an object; large ones are
 * read twice when they are stored, as their digest goes ahead of them; it is made on threads, as the product makes those of files of this machine.
 */
const [verb = '', folder = '', block = ''] = process.argv.slice(2);
const largeBytes = 16 << 20;
/** What is read at once. */
const blockBytes = 1 << 20;
const settings = JSON.parse(block) as { type: string };
const driver = findDriver(settings.type);
const requests = new HttpRequests();
await using pool = createFramePool({ threads: availableParallelism() });
await using session = await driver.open(driver.config.parse(settings) as never, { name: 'bench', readSecret: createSecretReader('/'), writer: 'bench' });

async function put(path: string): Promise<void> {
  if (statSync(path).size <= blockBytes) {
    const body = await readFile(path);
    return await session.put(relative(folder, path), [body], { length: body.length, sha256: hash('sha256', body) });
  }
  const expected = await pool.digest(path);
  // Who stores objects over HTTP keeps the blocks of a part until that is stored; the others are done with one when they ask for the next.
  await session.put(relative(folder, path), settings.type === 'OBS' ? createReadStream(path, { highWaterMark: blockBytes }) : blocksOf(path), expected);
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
  await pipeline(session.get(key), createWriteStream(path));
}

if (verb === 'put') {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  await atOnce(files.some((path) => statSync(path).size > largeBytes) ? 2 : 32, files, put);
} else {
  const objects = await Array.fromAsync(session.list(''));
  await atOnce(objects.some(({ length }) => length > largeBytes) ? 4 : 32, objects.map(({ key }) => key), get);
}
process.stdout.write(`${JSON.stringify({ requests: requests.take() })}\n`);
