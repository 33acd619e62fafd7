import { resolve } from 'node:path';
import { createRepository, openRepository, openRepositoryKeyless, settleMs, type Repository } from '../backupset/repository.ts';
import type { Config, DestinationConfig, EncryptionConfig } from '../config/config.ts';
import { repositoryKey } from '../config/repositoryKey.ts';
import { createSecretReader } from '../config/secrets.ts';
import { Failure } from '../contracts/failure.ts';
import type { SecretReader } from '../contracts/secretReader.ts';
import { findDriver } from '../storage/drivers.ts';
import type { StorageSession } from '../storage/storageDriver.ts';

/** A repository that is open for reading, with its destination. */
export interface OpenRepository extends AsyncDisposable {
  readonly repository: Repository;
  readonly destination: string;
}

/** Where a repository is: a destination of the configuration, or a folder and nothing else. */
export interface RepositoryLocation {
  /** Name of a destination, or a path. */
  readonly destination: string;
  /** Loaded only when `destination` is not a path. */
  readonly config: () => Promise<Config>;
  readonly keyFile?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** What is wanted needs no key: an encrypted repository for which none is given is opened all the same. */
  readonly keyless?: boolean | undefined;
  /** Make the repository where there is none. */
  readonly create?: boolean;
}

/** A set must be readable with nothing but its repository: a path needs no configuration. */
export async function openRepositoryAt(location: RepositoryLocation): Promise<OpenRepository> {
  const { destination, keyFile, passphraseFile, keyless = false, create = false } = location;
  const given: EncryptionConfig | undefined =
    keyFile !== undefined ? { kind: 'key', reference: { file: resolve(keyFile) } } : passphraseFile !== undefined ? { kind: 'passphrase', reference: { file: resolve(passphraseFile) } } : undefined;
  if (isPath(destination)) {
    const path = resolve(destination);
    return await open({ name: path, type: 'LocalDir', settings: { type: 'LocalDir', path, allowRootFileSystem: true }, encryption: given }, createSecretReader(process.cwd()), { keyless, create, mustExist: true });
  }
  const config = await location.config();
  const found = destinationOf(config, destination);
  return await open(given === undefined ? found : { ...found, encryption: given }, createSecretReader(config.folder), { keyless, create });
}

/**
 * A destination of the configuration, connected. The caller disposes it.
 * @param writer whose temporary objects it may sweep
 */
export async function openSession(config: Config, name: string, writer?: string): Promise<StorageSession> {
  const { type, settings } = destinationOf(config, name);
  return await findDriver(type).open(settings, { name, writer, readSecret: createSecretReader(config.folder) });
}

/** Whether a repository that is made there will be encrypted. @throws Failure E_CONFIG */
export async function isEncryptedAt({ destination, config }: Pick<RepositoryLocation, 'destination' | 'config'>): Promise<boolean> {
  return !isPath(destination) && destinationOf(await config(), destination).encryption !== undefined;
}

/** @throws Failure E_CONFIG */
export function destinationOf(config: Config, name: string): DestinationConfig {
  const destination = config.destinations[name];
  if (destination === undefined) throw new Failure('E_CONFIG', `the configuration has no destination ${name}`, { hint: `destinations: ${Object.keys(config.destinations).join(', ') || 'none'}; a folder is written with a slash` });
  return destination;
}

function isPath(text: string): boolean {
  return text.includes('/') || text === '.' || text === '..';
}

/** `mustExist`: a folder that was named by hand is not made: it is a mistyped one, or its disk is not mounted. */
async function open(destination: DestinationConfig, readSecret: SecretReader, { keyless, create, mustExist = false }: { readonly keyless: boolean; readonly create: boolean; readonly mustExist?: boolean }): Promise<OpenRepository> {
  const key = await repositoryKey(destination.encryption, readSecret);
  const session = await findDriver(destination.type).open(destination.settings, { name: destination.name, readSecret, mustExist });
  try {
    const repository = create ? await createRepository(session, { settleMs, ...(key === undefined ? {} : { key }) }) : key === undefined && keyless ? await openRepositoryKeyless(session) : await openRepository(session, key);
    return { repository, destination: destination.name, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
