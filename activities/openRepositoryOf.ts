import { createRepository, openRepository, type Repository } from '../backupset/repository.ts';
import { repositoryKey } from '../config/repositoryKey.ts';
import { Failure } from '../contracts/failure.ts';
import { named } from '../storage/named.ts';
import type { StorageSession } from '../storage/storageDriver.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** A destination as the configuration has it now, opened. The caller disposes it. */
async function openSessionOf(deps: ActivityDependencies, name: string, writer: string | undefined): Promise<StorageSession> {
  const config = await deps.config();
  const destination = config.destinations[name];
  if (destination === undefined) throw new Failure('E_CONFIG', `the configuration has no destination ${name}`);
  const driver = deps.drivers.find((each) => each.type === destination.type);
  if (driver === undefined) throw new Failure('E_UNSUPPORTED', `the directory type ${destination.type} is not built`);
  try {
    return named(await driver.open(destination.settings, { name, writer, readSecret: deps.secrets(config) }), name);
  } catch (error) {
    if (error instanceof Failure) throw new Failure(error.code, error.message, { hint: error.hint, details: { ...error.details, destination: name }, cause: error });
    throw error;
  }
}

export interface OpenedRepository extends AsyncDisposable {
  readonly repository: Repository;
}

/**
 * @param expectedId the repository a run began with.
 * @param runKey whose temporary objects are written.
 */
export async function openRepositoryOf(deps: ActivityDependencies, name: string, expectedId?: string, runKey?: string): Promise<OpenedRepository> {
  return await opened(deps, name, runKey, (session, key) => openRepository(session, key, expectedId));
}

/** Creates the repository where there is none. */
export async function createRepositoryOf(deps: ActivityDependencies, name: string): Promise<OpenedRepository> {
  return await opened(deps, name, undefined, (session, key) => createRepository(session, key === undefined ? {} : { key }));
}

async function opened(deps: ActivityDependencies, name: string, writer: string | undefined, open: (session: StorageSession, key: Awaited<ReturnType<typeof repositoryKey>>) => Promise<Repository>): Promise<OpenedRepository> {
  const config = await deps.config();
  const key = await repositoryKey(config.destinations[name]?.encryption, deps.secrets(config));
  const session = await openSessionOf(deps, name, writer);
  try {
    const repository = await open(session, key);
    return { repository, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
