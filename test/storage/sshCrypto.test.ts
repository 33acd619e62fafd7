import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, root));

test('what ssh2 encrypts with, where it was compiled, lives through the garbage collection of its ciphers', async () => {
  const isBuilt = existsSync(at('node_modules/ssh2/lib/protocol/crypto/build/Release/sshcrypto.node'));
  expect(createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js')).toMatchObject({ bindingAvailable: isBuilt });
  // Without it there is nothing that could abort.
  if (isBuilt) await promisify(execFile)(process.execPath, [at('setup/trySshCrypto.mjs')]);
});
