import { Failure } from '../../contracts/failure.ts';
import type { SecretReader } from '../../contracts/secretReader.ts';
import type { ObsConfig } from './obsConfig.ts';

export interface ObsCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly securityToken: string | undefined;
}

/**
 * The credentials behind the references.
 * @throws Failure E_SECRET; also for what could not be sent in a header, which the SDK would answer by ending the process
 */
export async function readCredentials(config: Pick<ObsConfig, 'accessKey' | 'secretKey' | 'securityToken'>, readSecret: SecretReader): Promise<ObsCredentials> {
  const read = async (name: 'accessKey' | 'secretKey' | 'securityToken'): Promise<string> => {
    const value = (await readSecret(config[name]!)).trim();
    if (!/^[\x21-\x7e]+$/.test(value)) throw new Failure('E_SECRET', `the secret behind ${name} has characters that no key has`, { hint: 'the file must hold nothing but the key, in its first line' });
    return value;
  };
  return { accessKey: await read('accessKey'), secretKey: await read('secretKey'), securityToken: config.securityToken === undefined ? undefined : await read('securityToken') };
}

/**
 * The key of ours for the encryption by the server.
 * @throws Failure E_SECRET
 */
export async function readCustomerKey(config: Pick<ObsConfig, 'serverSideEncryption'>, readSecret: SecretReader): Promise<Buffer | undefined> {
  const encryption = config.serverSideEncryption;
  if (encryption === undefined || !('customerKey' in encryption)) return undefined;
  const text = (await readSecret(encryption.customerKey)).trim();
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Failure('E_SECRET', 'the secret behind serverSideEncryption.customerKey is not 64 hex digits', { hint: 'make one with: openssl rand -hex 32' });
  return Buffer.from(text, 'hex');
}
