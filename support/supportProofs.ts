import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
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

const recordFile = new URL('./proofs.json', import.meta.url);

/**
 * Recorded proofs, as conformance runs wrote them.
 * @throws Failure E_FORMAT when the file is not such a record
 */
export async function readSupportProofs(file: string | URL = recordFile): Promise<readonly SupportProof[]> {
  try {
    return document.parse(JSON.parse(await readFile(file, 'utf8'))).proofs;
  } catch (cause) {
    throw new Failure('E_FORMAT', `the record of proofs cannot be read: ${String(file)}`, { cause });
  }
}

/** Records proofs, each in place of an older one of the same pair. Only for runs that really backed up, restored and compared. */
export async function writeSupportProofs(proofs: readonly SupportProof[], file: string | URL = recordFile): Promise<void> {
  const pair = ({ source, type }: SupportProof): string => `${source} ${type}`;
  const fresh = new Set(proofs.map(pair));
  const all = [...(await readSupportProofs(file)).filter((each) => !fresh.has(pair(each))), ...proofs].sort((a, b) => (pair(a) < pair(b) ? -1 : 1));
  const text = JSON.stringify(document.parse({ formatVersion: 1, proofs: all }), null, 2);
  const path = file instanceof URL ? fileURLToPath(file) : file;
  await writeFile(`${path}.new`, `${text}\n`);
  await rename(`${path}.new`, path);
}
