import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';

const proof = z.strictObject({
  source: z.string(),
  type: z.string(),
  /** When the run ended. */
  at: z.iso.datetime(),
  /** Version of this product. */
  version: z.string(),
  /** Which real servers, with their versions: `Hadoop 3.5.0`, `PostgreSQL 15.20, ext4`. */
  servers: z.string(),
});

/** A recorded run that backed up a data source to a directory type, restored it, and found no difference. */
export type SupportProof = z.infer<typeof proof>;

const document = z.strictObject({ formatVersion: z.literal(1), proofs: z.array(proof) });

/**
 * Recorded proofs, as conformance runs wrote them.
 * @throws Failure E_FORMAT when the file is not such a record
 */
export async function readSupportProofs(file: string | URL = new URL('./proofs.json', import.meta.url)): Promise<readonly SupportProof[]> {
  try {
    return document.parse(JSON.parse(await readFile(file, 'utf8'))).proofs;
  } catch (cause) {
    throw new Failure('E_FORMAT', `the record of proofs cannot be read: ${String(file)}`, { cause });
  }
}
