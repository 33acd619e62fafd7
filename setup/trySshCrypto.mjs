import { createRequire } from 'node:module';

/** Makes and forgets ciphers of the compiled part of ssh2, until the garbage collector has taken many: a part that cannot bear that aborts the process. */
const require = createRequire(import.meta.url);
const compiled = require('ssh2/lib/protocol/crypto/build/Release/sshcrypto.node');
let garbage = [];
for (let round = 0; round < 300; round++) {
  for (let i = 0; i < 20; i++) for (const Cipher of [compiled.AESGCMCipher, compiled.AESGCMDecipher]) new Cipher('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12));
  garbage = garbage.length > 20 ? [] : [...garbage, Array.from({ length: 20_000 }, (_, i) => ({ i }))];
  await new Promise((done) => setImmediate(done));
}
