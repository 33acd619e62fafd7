import { hash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import { buildFrame, openFrame, preparePayload } from './frame.ts';
import { formatVersion, parseJson, putJson, readObject } from './jsonObject.ts';
import type { Repository } from './repository.ts';

const mostBytes = 32 << 20;
const envelopeSchema = z.union([
  z.strictObject({ formatVersion: z.literal(formatVersion), body: z.unknown() }),
  z.strictObject({ formatVersion: z.literal(formatVersion), sealed: z.base64() }),
]);

/** Stores a document whose content is private where the repository is encrypted. Returns what it weighs. */
export async function writeEnvelope(repository: Repository, key: string, body: unknown, signal?: AbortSignal): Promise<{ readonly digest: string; readonly length: number }> {
  if (repository.keyless) throw new Failure('E_KEY', `${key} cannot be written without the key of the repository`);
  if (repository.keys === undefined) return await putJson(repository.session, key, { formatVersion, body }, signal);
  const frame = buildFrame(preparePayload(Buffer.from(JSON.stringify(body))), repository.keys);
  return await putJson(repository.session, key, { formatVersion, sealed: Buffer.from(frame).toString('base64') }, signal);
}

/**
 * Reads such a document; with `expected`, only if it is exactly that object.
 * @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND, E_FORMAT, E_KEY
 */
export async function readEnvelope(repository: Repository, key: string, expected?: { readonly digest: string; readonly length: number }, signal?: AbortSignal): Promise<unknown> {
  const bytes = await readObject(repository.session, key, mostBytes, signal);
  if (expected !== undefined && (bytes.length !== expected.length || hash('sha256', bytes) !== expected.digest)) throw new Failure('E_CORRUPT', `${key} is not the object that the manifest names`);
  const envelope = parseJson(bytes, envelopeSchema, key);
  if (!('sealed' in envelope)) {
    if (repository.keys !== undefined) throw new Failure('E_CORRUPT', `${key} is not encrypted in an encrypted repository`);
    return envelope.body;
  }
  const { raw } = openFrame(Buffer.from(envelope.sealed, 'base64'), repository.keys);
  try {
    return JSON.parse(Buffer.from(raw).toString());
  } catch (cause) {
    throw new Failure('E_CORRUPT', `${key} does not hold JSON`, { cause });
  }
}
