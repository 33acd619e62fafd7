import { createHash } from 'node:crypto';
import { canonicalJson } from '../backupset/canonicalJson.ts';

/** The digest of a plan: of everything in it but the digest itself and the time it was made at. */
export function planDigest(plan: object): string {
  const { digest: _digest, createdAt: _createdAt, ...body } = plan as Record<string, unknown>;
  return createHash('sha256').update(canonicalJson(body)).digest('hex');
}
