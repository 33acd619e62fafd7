import { hash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import type { PutExpectation, StorageSession } from '../storage/storageDriver.ts';
import { canonicalJson } from './canonicalJson.ts';

/** The major version of everything this product writes but what has to do with an overlay; see the change list in docs/format.md. */
export const formatVersion = 1;
/** Of tables with an overlay and of overlay shards: a reader that does not know them must not take the base for the whole. */
export const overlayVersion = 2;

/** Lower-case hex SHA-256. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/);
/** A length or count in bytes that survives JSON. */
export const countSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** A content-addressed object. */
export const objectRefSchema = z.object({ digest: digestSchema, length: countSchema });

const versioned = z.object({ formatVersion: z.number().int() });

/** Reads a whole object of at most `maxBytes`. @throws Failure E_CORRUPT when it is larger; what `get` throws. */
export async function readObject(session: StorageSession, key: string, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of session.get(key, undefined, signal)) {
    length += part.length;
    if (length > maxBytes) throw new Failure('E_CORRUPT', `${key} is larger than ${maxBytes} bytes, the most it may be`, { details: { kind: 'length' } });
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}

/**
 * Checks text against a schema.
 * @param readable major versions that the schema knows
 * @throws Failure E_FORMAT for another one, E_CORRUPT for anything else that is wrong.
 */
export function parseJson<T>(text: string | Uint8Array, schema: z.ZodType<T>, name: string, readable: readonly number[] = [formatVersion]): T {
  let value: unknown;
  try {
    value = JSON.parse(typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text));
  } catch (cause) {
    throw new Failure('E_CORRUPT', `${name} is not JSON`, { cause });
  }
  const version = versioned.safeParse(value);
  if (version.success && !readable.includes(version.data.formatVersion)) throw new Failure('E_FORMAT', `${name} has format version ${version.data.formatVersion}; this product reads version ${readable.join(' and ')}`);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Failure('E_CORRUPT', `${name} does not have the form of docs/format.md: ${z.prettifyError(parsed.error).slice(0, 500)}`);
  return parsed.data;
}

/** The object with a digest over the rest of it, for documents that nothing else names by digest. */
export function withChecksum<T extends object>(value: T): T & { readonly checksum: string } {
  return { ...value, checksum: hash('sha256', canonicalJson(value)) };
}

/** `parseJson` for what `withChecksum` made. @throws Failure E_CORRUPT when it was changed */
export function parseChecked<T extends { readonly checksum: string }>(text: Uint8Array, schema: z.ZodType<T>, name: string): T {
  const parsed = parseJson(text, schema, name);
  const { checksum, ...rest } = parseJson(text, z.looseObject({ checksum: digestSchema }), name);
  if (hash('sha256', canonicalJson(rest)) !== checksum) throw new Failure('E_CORRUPT', `${name} was changed after it was written`);
  return parsed;
}

/** Stores JSON under a key. Returns what it weighs. */
export async function putJson(session: StorageSession, key: string, value: unknown, signal?: AbortSignal): Promise<{ readonly digest: string; readonly length: number }> {
  const { body, expected } = jsonBody(value);
  await session.put(key, body, expected, signal);
  return { digest: expected.sha256, length: expected.length };
}

/** A document as it is stored. */
export function jsonBody(value: unknown): { readonly body: readonly Uint8Array[]; readonly expected: PutExpectation } {
  // No line end: a document that lost its last byte is then no document.
  const bytes = Buffer.from(JSON.stringify(value, undefined, 1));
  return { body: [bytes], expected: { length: bytes.length, sha256: hash('sha256', bytes) } };
}
