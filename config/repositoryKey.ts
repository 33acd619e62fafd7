import type { SecretReader } from '../contracts/secretReader.ts';
import type { RepositoryKey } from '../backupset/repositoryKey.ts';
import type { EncryptionConfig } from './config.ts';

/**
 * What opens the data key of an encrypted repository; undefined for one that is not encrypted.
 * @throws Failure E_SECRET
 */
export async function repositoryKey(encryption: EncryptionConfig | undefined, readSecret: SecretReader): Promise<RepositoryKey | undefined> {
  if (encryption === undefined) return undefined;
  return { kind: encryption.kind === 'key' ? 'raw' : 'passphrase', secret: await readSecret(encryption.reference) };
}
