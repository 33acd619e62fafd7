import { Failure } from '../contracts/failure.ts';
import type { PutExpectation } from './storageDriver.ts';

/** @throws Failure E_CORRUPT when the bytes of a body have another SHA-256 (lower-case hex) than was promised */
export function checkDigest(digest: string, { sha256 }: PutExpectation, what: string): void {
  if (digest !== sha256) throw new Failure('E_CORRUPT', `SHA-256 ${digest} instead of the promised ${sha256}, for ${what}; nothing was stored`);
}
