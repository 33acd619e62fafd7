import { createHash } from 'node:crypto';
import { checkDigest } from './checkDigest.ts';
import { countedBody } from './countedBody.ts';

/**
 * What `countedBody` gives, hashed on the way. Throws instead of ending when the body has not the digest that was promised.
 * @throws Failure E_CORRUPT
 */
export async function* checkedBody(...body: Parameters<typeof countedBody>): AsyncGenerator<Uint8Array> {
  const [, expected, what] = body;
  const hash = createHash('sha256');
  for await (const block of countedBody(...body)) {
    hash.update(block);
    yield block;
  }
  checkDigest(hash.digest('hex'), expected, what);
}
