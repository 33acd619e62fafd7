import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import type { FrameKeys } from './frame.ts';

/** What opens an encrypted repository: 32 bytes (as they are, in hex or in base64), or a passphrase. */
export interface RepositoryKey {
  readonly kind: 'raw' | 'passphrase';
  readonly secret: Buffer | string;
}

/** Keys of an open repository, derived from its data key. They stay in memory. */
export interface RepositoryKeys extends FrameKeys {
  /** Authenticates manifests. */
  readonly macKey: Uint8Array;
}

const kdfSchema = z.discriminatedUnion('name', [
  z.object({ name: z.literal('raw') }),
  z.object({ name: z.literal('scrypt'), N: z.number().int().min(2).max(1 << 17), r: z.number().int().min(1).max(8), p: z.number().int().min(1).max(4), salt: z.base64().max(128) }),
]);

/** A key reference's copy of the data key, as repository.json keeps it. */
export const wrappedKeySchema = z.object({ keyId: z.string().regex(/^[0-9a-f]{16}$/), kdf: kdfSchema, wrapped: z.base64().max(256) });
export type WrappedKey = z.infer<typeof wrappedKeySchema>;

/** Encrypts the data key: nonce (12) || ciphertext (32) || tag (16), authenticated with the repository's id. */
export async function wrapDataKey(dataKey: Uint8Array, key: RepositoryKey, repositoryId: string): Promise<WrappedKey> {
  const kdf: WrappedKey['kdf'] = key.kind === 'raw' ? { name: 'raw' } : { name: 'scrypt', N: 1 << 15, r: 8, p: 1, salt: randomBytes(16).toString('base64') };
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', await wrappingKey(key, kdf), nonce);
  cipher.setAAD(Buffer.from(repositoryId));
  const wrapped = Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]).toString('base64');
  return { keyId: randomBytes(8).toString('hex'), kdf, wrapped };
}

/** The data key, or `undefined` when this key does not open it. */
export async function unwrapDataKey(wrapped: WrappedKey, key: RepositoryKey, repositoryId: string): Promise<Buffer | undefined> {
  if ((wrapped.kdf.name === 'raw') !== (key.kind === 'raw')) return undefined;
  const bytes = Buffer.from(wrapped.wrapped, 'base64');
  if (bytes.length !== 60) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', await wrappingKey(key, wrapped.kdf), bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(repositoryId));
  decipher.setAuthTag(bytes.subarray(44));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, 44)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** HKDF-SHA-256 with the repository's id as salt. */
export function deriveKeys(dataKey: Uint8Array, repositoryId: string): RepositoryKeys {
  const derive = (what: string): Uint8Array => new Uint8Array(hkdfSync('sha256', dataKey, repositoryId, `mrs-backup ${what}`, 32));
  return { idKey: derive('frame id'), frameKey: derive('frame key'), macKey: derive('manifest') };
}

/** What passphrases were derived to, by their digest and the parameters: dear on purpose for who guesses, and every step of a run opens its repository. */
const derivedKeys = new Map<string, Buffer>();
const MOST_DERIVED = 16;

async function wrappingKey(key: RepositoryKey, kdf: WrappedKey['kdf']): Promise<Buffer> {
  if (kdf.name === 'raw') return rawKey(key.secret);
  const secret = typeof key.secret === 'string' ? Buffer.from(key.secret) : key.secret;
  if (secret.length === 0) throw new Failure('E_KEY', 'the passphrase of the repository is empty');
  const name = `${hash('sha256', secret)} ${JSON.stringify(kdf)}`;
  const known = derivedKeys.get(name);
  if (known !== undefined) return known;
  const derivedKey = await new Promise<Buffer>((resolve, reject) => {
    scrypt(secret, Buffer.from(kdf.salt, 'base64'), 32, { N: kdf.N, r: kdf.r, p: kdf.p, maxmem: 256 << 20 }, (error, derived) => (error === null ? resolve(derived) : reject(error)));
  });
  if (derivedKeys.size >= MOST_DERIVED) derivedKeys.delete(derivedKeys.keys().next().value!);
  derivedKeys.set(name, derivedKey);
  return derivedKey;
}

function rawKey(secret: Buffer | string): Buffer {
  if (typeof secret !== 'string' && secret.length === 32) return secret;
  const text = secret.toString().trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  throw new Failure('E_KEY', 'the key of the repository is not 32 bytes, 64 hex digits or 44 base64 characters');
}
