import { createRepository, openRepository, settleMs, type Repository } from '../backupset/repository.ts';
import { repositoryKey } from '../config/repositoryKey.ts';
import { Failure } from '../contracts/failure.ts';
import { named } from '../storage/named.ts';
import type { StorageSession } from '../storage/storageDriver.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** A destination as the configuration has it now, opened. The caller disposes it. */
async function openSessionOf(deps: ActivityDependencies, name: string, writer: string | undefined, mustExist: boolean): Promise<StorageSession> {
  const config = await deps.config();
  const destination = config.destinations[name];
  if (destination === undefined) throw new Failure('E_CONFIG', `the configuration has no destination ${name}`);
  const driver = deps.drivers.find((each) => each.type === destination.type);
  if (driver === undefined) throw new Failure('E_UNSUPPORTED', `the directory type ${destination.type} is not built`);
  const place = JSON.stringify([name, writer, destination.settings]);
  return named(await deps.sessions.lend(place, () => driver.open(destination.settings, { name, writer, mustExist, readSecret: deps.secrets(config) })), name);
}

export interface OpenedRepository extends AsyncDisposable {
  readonly repository: Repository;
}

/**
 * A destination that a run has seen, and that is not there any more, is waited for.
 * @param expectedId the repository a run began with
 * @param runKey whose temporary objects are written
 */
export async function openRepositoryOf(deps: ActivityDependencies, name: string, expectedId?: string, runKey?: string): Promise<OpenedRepository> {
  const wasThere = expectedId !== undefined || runKey !== undefined;
  try {
    return await opened(deps, name, runKey, wasThere, (session, key) => openRepository(session, key, expectedId));
  } catch (error) {
    throw wasThere && isAway(error) ? awayOf(error, name) : error;
  }
}

/** A run that has begun saw the repository: a path without it (a disk that is not mounted, say) is no mistake of the configuration any more. */
function isAway(error: unknown): error is Failure {
  return error instanceof Failure && (error.code === 'E_DESTINATION_PATH' || (error.code === 'E_FORMAT' && error.cause instanceof Failure && error.cause.code === 'E_OBJECT_NOT_FOUND'));
}

function awayOf(error: Failure, name: string): Failure {
  return new Failure('E_DESTINATION_UNREACHABLE', `destination ${name} is not there any more: ${error.message}`, { hint: 'was it unmounted or moved? bring it back; the run goes on by itself', details: { ...error.details, destination: name }, cause: error });
}

/** Creates the repository where there is none. */
export async function createRepositoryOf(deps: ActivityDependencies, name: string): Promise<OpenedRepository> {
  return await opened(deps, name, undefined, false, (session, key) => createRepository(session, { settleMs, ...(key === undefined ? {} : { key }) }));
}

async function opened(deps: ActivityDependencies, name: string, writer: string | undefined, mustExist: boolean, open: (session: StorageSession, key: Awaited<ReturnType<typeof repositoryKey>>) => Promise<Repository>): Promise<OpenedRepository> {
  await using stack = new AsyncDisposableStack();
  try {
    const config = await deps.config();
    const key = await repositoryKey(config.destinations[name]?.encryption, deps.secrets(config));
    const repository = await open(stack.use(await openSessionOf(deps, name, writer, mustExist)), key);
    const owned = stack.move();
    return { repository, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    // Whatever it is (a key, a header), it is this destination that cannot be used; a run with others may go on.
    if (error instanceof Failure) throw new Failure(error.code, error.message.includes(name) ? error.message : `destination ${name}: ${error.message}`, { hint: error.hint, details: { ...error.details, destination: name }, cause: error.cause ?? error });
    throw error;
  }
}
