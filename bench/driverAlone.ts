import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createSecretReader } from '../config/secrets.ts';
import { findDriver } from '../storage/drivers.ts';
import { atOnce } from './atOnce.ts';
import { HttpRequests } from './httpRequests.ts';

/**
 * A driver alone, in a process of its own, as peers copy: `driverAlone.ts put|get <folder> <block of the configuration as JSON>`. Every file an object; large ones are
 * read twice when they are stored, as their digest goes ahead of them.
 */
const [verb = '', folder = '', block = ''] = process.argv.slice(2);
const largeBytes = 16 << 20;
/** What is read at once. */
const smallBytes = 1 << 20;
const settings = JSON.parse(block) as { type: string };
const driver = findDriver(settings.type);
const requests = new HttpRequests();
await using session = await driver.open(driver.config.parse(settings) as never, { name: 'bench', readSecret: createSecretReader('/'), writer: 'bench' });

async function put(path: string): Promise<void> {
  const hash = createHash('sha256');
  const { size: length } = statSync(path);
  if (length <= smallBytes) {
    const body = await readFile(path);
    return await session.put(relative(folder, path), [body], { length, sha256: hash.update(body).digest('hex') });
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  await session.put(relative(folder, path), createReadStream(path, { highWaterMark: 1 << 20 }), { length, sha256: hash.digest('hex') });
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
