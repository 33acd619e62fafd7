import { Failure } from '../../contracts/failure.ts';
import { encodeKey } from '../keyNames.ts';
import type { ObsClient } from './obsClient.ts';
import { longestKey, type ObsConfig } from './obsConfig.ts';

/** What an open OBS destination knows. */
export interface ObsPlace {
  readonly client: ObsClient;
  readonly bucket: string;
  /** Ends in `/`. */
  readonly root: string;
  /** How to name the destination in messages. */
  readonly shown: string;
  /** Whose unfinished uploads are made. */
  readonly writer: string | undefined;
  readonly stallMs: number;
  readonly config: Pick<ObsConfig, 'storageClass' | 'serverSideEncryption' | 'multipartAbove' | 'partSize'>;
  readonly customerKey: Buffer | undefined;
}

/**
 * Name of the object that a key is kept under: of safe characters only, whatever the server does with others.
 * @throws Failure E_UNSUPPORTED when it is longer than a name may be there
 */
export function objectName({ root, shown }: Pick<ObsPlace, 'root' | 'shown'>, key: string): string {
  const name = root + encodeKey(key);
  if (name.length > longestKey) throw new Failure('E_UNSUPPORTED', `the name of an object is longer than ${longestKey} bytes: ${name.slice(0, 60)}… (${name.length}) in ${shown}`, { hint: 'give the destination a shorter path, or keep this elsewhere' });
  return name;
}

/** Which object, for a message. */
export function whatOf({ shown }: Pick<ObsPlace, 'shown'>, key: string): string {
  return `${key} in ${shown}`;
}

/** What goes with every request that makes an object. */
export function creationParameters({ config: { storageClass, serverSideEncryption: encryption }, customerKey }: ObsPlace): Record<string, unknown> {
  const kms = encryption !== undefined && 'kms' in encryption ? { SseKms: 'kms', ...(encryption.keyId === undefined ? {} : { SseKmsKey: encryption.keyId }) } : {};
  return { ContentType: 'application/octet-stream', ...(storageClass === undefined ? {} : { StorageClass: storageClass }), ...kms, ...accessParameters(customerKey) };
}

/** What goes with every request for the content of an object. */
export function accessParameters(customerKey: Buffer | undefined): Record<string, unknown> {
  return customerKey === undefined ? {} : { SseC: 'AES256', SseCKey: customerKey };
}
