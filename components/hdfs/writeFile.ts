import { randomUUID } from 'node:crypto';
import type { Entry } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import { FileChecksum } from '../../protocols/webhdfs/fileChecksum.ts';
import type { HdfsServerDefaults } from '../../protocols/webhdfs/webHdfs.ts';
import type { RestoreTarget } from '../dataSource.ts';
import { applyAttributes, applyPolicies } from './applyAttributes.ts';
import type { Connection } from './connection.ts';
import { readContent } from './readContent.ts';
import { atEdge, isKind } from './sourceFailure.ts';
import { temporaryPrefix } from './targetPaths.ts';

/** What the target says about new files; asked once per session. */
export interface FileDefaults extends HdfsServerDefaults {
  readonly minBlockSize: number;
}

/**
 * Writes a file into `folder` under a temporary name of its own, proves it with the server's checksum, gives it its attributes, and only then its name.
 * A name per attempt: a slow former attempt can never rename what a later one is still writing. `folder` and the parent directory exist.
 */
export async function writeFile(connection: Connection, target: RestoreTarget, entry: Entry, path: string, folder: string, body: AsyncIterable<Uint8Array>, defaults: FileDefaults, isOurs: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<void> {
  const { client } = connection;
  const temporary = `${folder}/${temporaryPrefix(target)}${randomUUID()}`;
  const chunk = defaults.bytesPerChecksum;
  const wanted = Number(entry.attributes['blockSize'] ?? 0) || defaults.blockSize;
  const blockSize = Math.ceil(Math.max(wanted, defaults.minBlockSize) / chunk) * chunk;
  const checksum = new FileChecksum(blockSize, chunk);
  const replication = Number(entry.attributes['replication'] ?? 0);
  try {
    await atEdge(async () => {
      await client.create(temporary, counted(body, checksum), {
        length: entry.length,
        blockSize,
        ...(replication > 0 && entry.attributes['ecPolicy'] === undefined ? { replication } : {}),
        permission: String(entry.attributes['permission'] ?? '644').slice(-3),
      }, signal);
      const status = await client.status(temporary, signal);
      await prove(connection, temporary, path, entry, status.length, checksum, blockSize, signal);
      await applyPolicies(connection, target, entry, temporary, signal);
      await applyAttributes(connection, target, entry, temporary, status, signal);
    });
    await appear(connection, target, temporary, path, isOurs, signal);
  } catch (error) {
    // The DataNode closes a broken upload as if it were complete; nothing of it may stay.
    await client.delete(temporary).catch(() => undefined);
    throw error;
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, checksum: FileChecksum): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    checksum.update(part);
    yield part;
  }
}

/** Compares what lies there with what was sent: by the server's checksum, or where it is of another kind (erasure coding, other settings) by reading back. */
async function prove(connection: Connection, temporary: string, path: string, entry: Entry, length: number, sent: FileChecksum, blockSize: number, signal: AbortSignal | undefined): Promise<void> {
  const wrong = (what: string): Failure => new Failure('E_CORRUPT', `HDFS: ${path} was written, but ${what}`);
  if (length !== entry.length) throw wrong(`has ${length} of ${entry.length} bytes`);
  if (length === 0) return;
  const expected = sent.digest();
  const bytesPerChecksum = parseInt(expected.slice(0, 8), 16);
  const there = await connection.client.checksum(temporary, signal).catch((error: unknown) => {
    if (isKind(error, 'invalid')) return undefined;
    throw error;
  });
  if (there !== undefined && new RegExp(`^MD5-of-\\d+MD5-of-${bytesPerChecksum}CRC32C$`).test(there.algorithm)) {
    if (there.hex === expected) return;
    // Erasure-coded files answer under the same name with another number.
  }
  const back = new FileChecksum(blockSize, bytesPerChecksum);
  for await (const part of readContent(connection.client, temporary, 0, length, signal)) back.update(part);
  if (back.digest() !== expected) throw wrong('reads back other bytes');
}

/** A directory in the place of a file goes when nothing is in it; what is in it may be all there is of it. */
async function replaceDirectory({ client }: Connection, temporary: string, path: string, cause: unknown, signal: AbortSignal | undefined): Promise<void> {
  try {
    await client.delete(path, { recursive: false }, signal);
  } catch {
    throw new Failure('E_TARGET_EXISTS', `HDFS: ${path} is a directory with something in it, and the set has a file there`, { hint: 'move the directory away, or leave the file out with --only', cause });
  }
  await atEdge(() => client.rename(temporary, path, { overwrite: true }, signal));
}

/** The last step: the name. What may be there already is decided by the policy. */
async function appear(connection: Connection, target: RestoreTarget, temporary: string, path: string, isOurs: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<void> {
  const { client } = connection;
  try {
    await client.rename(temporary, path, { overwrite: target.existing === 'force' }, signal);
  } catch (error) {
    if (!isKind(error, 'exists')) return atEdge(() => Promise.reject(error));
    if (target.existing === 'force') return await replaceDirectory(connection, temporary, path, error, signal);
    // A former attempt came this far and nobody heard of it, or somebody else was here.
    if (target.existing === 'fail' && !(await isOurs())) throw new Failure('E_TARGET_EXISTS', `HDFS: ${path} exists already`, { cause: error });
    await client.delete(temporary);
  }
}
