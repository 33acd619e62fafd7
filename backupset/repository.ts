import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import type { StorageSession } from '../storage/storageDriver.ts';
import { cutting } from './cutContent.ts';
import { maxFrameBytes } from './frame.ts';
import { digestSchema, formatVersion, jsonBody, parseChecked, putJson, readObject, withChecksum } from './jsonObject.ts';
import { deriveKeys, unwrapDataKey, wrapDataKey, wrappedKeySchema, type RepositoryKey, type RepositoryKeys, type WrappedKey } from './repositoryKey.ts';

export type { RepositoryKey, RepositoryKeys } from './repositoryKey.ts';

/** An open repository. `keys` is undefined where nothing is encrypted. */
export interface Repository {
  readonly session: StorageSession;
  readonly id: string;
  readonly packBytes: number;
  readonly chunkBytes: number;
  readonly keys: RepositoryKeys | undefined;
  /** Encrypted and opened without a key: good for presence and stored verification only. */
  readonly keyless?: boolean;
}

const repositoryKeyName = 'repository.json';
const headerSchema = z.object({
  formatVersion: z.literal(formatVersion),
  repositoryId: z.uuid(),
  createdAt: z.iso.datetime(),
  packing: z.object({
    packBytes: z.number().int().min(4096).max(1 << 30), chunkBytes: z.number().int().min(1024).max(maxFrameBytes),
    cutting: z.object({ algorithm: z.string().max(50), minBytes: z.number().int(), averageBytes: z.number().int(), maxBytes: z.number().int() }),
  }),
  compression: z.object({ algorithm: z.literal('zstd'), level: z.number().int() }),
  encryption: z.object({ algorithm: z.literal('AES-256-GCM'), keys: z.array(wrappedKeySchema).min(1).max(16) }).nullable(),
  checksum: digestSchema,
});
type Header = z.infer<typeof headerSchema>;

async function putHeader(session: StorageSession, header: Omit<Header, 'checksum'>): Promise<void> {
  await putJson(session, repositoryKeyName, checkedHeader(header));
}

function checkedHeader(header: Omit<Header, 'checksum'>): Header {
  return headerSchema.parse(withChecksum(header));
}

/** Longer than any look at an empty destination and the writing of a header after it. */
export const settleMs = 2_000;

/**
 * Opens the repository, and makes it first where there is none. `settleMs`: how long a maker waits before it looks what is there, so that of two
 * who find nothing at the same time both see the later one's; where the destination decides itself who makes it, nobody waits.
 * @throws Failure E_FORMAT when there are sets but no repository.json; what openRepository throws.
 */
export async function createRepository(session: StorageSession, options: { readonly key?: RepositoryKey; readonly packBytes?: number; readonly chunkBytes?: number; readonly settleMs?: number } = {}): Promise<Repository> {
  if ((await session.stat(repositoryKeyName)) === undefined) {
    for await (const { key } of session.list('sets/')) {
      throw new Failure('E_FORMAT', `there are sets (${key}) but no ${repositoryKeyName}`, { hint: `bring ${repositoryKeyName} back, or use an empty folder` });
    }
    const repositoryId = randomUUID();
    const header: Omit<Header, 'checksum'> = {
      formatVersion, repositoryId, createdAt: new Date().toISOString(),
      packing: { packBytes: options.packBytes ?? 32 << 20, chunkBytes: options.chunkBytes ?? 1 << 20, cutting: { ...cutting } },
      compression: { algorithm: 'zstd', level: 3 },
      encryption: options.key === undefined ? null : { algorithm: 'AES-256-GCM', keys: [await wrapDataKey(randomBytes(32), options.key, repositoryId)] },
    };
    const { body, expected } = jsonBody(checkedHeader(header));
    const made = await session.create?.(repositoryKeyName, body, expected);
    if (made === undefined) {
      await putHeader(session, header);
      await sleep(options.settleMs ?? 0);
    }
  }
  // Read back: another creator may have won.
  return await openRepository(session, options.key);
}

/**
 * Opens an existing repository.
 * @throws Failure E_FORMAT when there is none, or another one than `expectedId`; E_KEY when the key is missing, wrong, or given for one that is not encrypted.
 */
export async function openRepository(session: StorageSession, key?: RepositoryKey, expectedId?: string): Promise<Repository> {
  const header = await readHeader(session);
  if (expectedId !== undefined && header.repositoryId !== expectedId) throw new Failure('E_FORMAT', `the repository was replaced under the run: it has the id ${header.repositoryId} instead of ${expectedId}`);
  if (header.encryption === null) {
    if (key !== undefined) throw new Failure('E_KEY', 'a key was given, but the repository is not encrypted', { hint: 'use another folder for an encrypted repository, or remove the encryption block' });
    return opened(session, header, undefined);
  }
  if (key === undefined) throw keyFailure('the repository is encrypted and nothing was given to open it', header.encryption.keys);
  return opened(session, header, deriveKeys((await findDataKey(header.encryption.keys, key, header.repositoryId)).dataKey, header.repositoryId));
}

/** Opens a repository without its key: enough to verify `presence` and `stored`. */
export async function openRepositoryKeyless(session: StorageSession): Promise<Repository> {
  const header = await readHeader(session);
  return { ...opened(session, header, undefined), keyless: header.encryption !== null };
}

/**
 * Makes `newKey` open the repository instead of `oldKey`; the data stays as it is. Adds, checks what was stored, then removes: at every moment one of them opens it.
 * @throws Failure E_KEY
 */
export async function rotateKey(session: StorageSession, oldKey: RepositoryKey, newKey: RepositoryKey): Promise<void> {
  const header = await readHeader(session);
  if (header.encryption === null) throw new Failure('E_KEY', 'the repository is not encrypted');
  const { dataKey, wrapped: old } = await findDataKey(header.encryption.keys, oldKey, header.repositoryId);
  const added = await wrapDataKey(dataKey, newKey, header.repositoryId);
  const { checksum: _, ...rest } = header;
  const put = async (keys: WrappedKey[]): Promise<void> => await putHeader(session, { ...rest, encryption: { algorithm: 'AES-256-GCM', keys } });
  await put([...header.encryption.keys, added]);
  const back = await readHeader(session);
  const found = await findDataKey(back.encryption?.keys ?? [], newKey, back.repositoryId);
  if (!found.dataKey.equals(dataKey)) throw new Failure('E_KEY', 'the new key does not open what was stored; the old key still does');
  await put((back.encryption?.keys ?? []).filter((each) => each.keyId !== old.keyId));
}

async function readHeader(session: StorageSession): Promise<Header> {
  try {
    return parseChecked(await readObject(session, repositoryKeyName, 1 << 20), headerSchema, repositoryKeyName);
  } catch (cause) {
    if (cause instanceof Failure && cause.code === 'E_OBJECT_NOT_FOUND') throw new Failure('E_FORMAT', `this is not a backup repository: there is no ${repositoryKeyName}`, { cause });
    throw cause;
  }
}

async function findDataKey(keys: readonly WrappedKey[], key: RepositoryKey, repositoryId: string): Promise<{ readonly dataKey: Buffer; readonly wrapped: WrappedKey }> {
  for (const wrapped of keys) {
    const dataKey = await unwrapDataKey(wrapped, key, repositoryId);
    if (dataKey !== undefined) return { dataKey, wrapped };
  }
  throw keyFailure(`the ${key.kind === 'raw' ? 'key' : 'passphrase'} does not open this repository`, keys);
}

/** Says which kind of secret opens the repository, and how it is given. */
function keyFailure(message: string, keys: readonly WrappedKey[]): Failure {
  const kinds = [...new Set(keys.map(({ kdf }) => (kdf.name === 'raw' ? 'key' : 'passphrase')))];
  return new Failure('E_KEY', message, { hint: `it opens with a ${kinds.join(' or a ')}: ${kinds.map((kind) => `encryption: { ${kind}: { file: … } } of the destination, or --${kind}-file`).join(', or ')}` });
}

function opened(session: StorageSession, header: Header, keys: RepositoryKeys | undefined): Repository {
  return { session, id: header.repositoryId, packBytes: header.packing.packBytes, chunkBytes: header.packing.chunkBytes, keys };
}
