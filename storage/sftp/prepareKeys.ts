import { createSecretKey } from 'node:crypto';
import type { Client } from 'ssh2';

/** Fields of ssh2, whose version is pinned: what encrypts and decrypts with GCM. Its compiled part, where there is one, has others. */
interface WithKeys {
  readonly _protocol?: { readonly _cipher?: { _encKey?: unknown }; readonly _decipher?: { _decKey?: unknown } };
}

/**
 * ssh2 makes a cipher for every packet out of the key's bytes, and Node examines them anew each time: a fifth of what a transfer costs. A key that
 * was prepared once is taken as it is. To be called after every exchange of keys.
 */
export function prepareKeys(client: Client): void {
  const { _cipher: cipher, _decipher: decipher } = (client as unknown as WithKeys)._protocol ?? {};
  if (cipher !== undefined && Buffer.isBuffer(cipher._encKey)) cipher._encKey = createSecretKey(cipher._encKey);
  if (decipher !== undefined && Buffer.isBuffer(decipher._decKey)) decipher._decKey = createSecretKey(decipher._decKey);
}
