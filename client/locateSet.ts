import type { OpenRepository, RepositoryLocation } from './openRepositoryAt.ts';
import { openRepositoryAt } from './openRepositoryAt.ts';
import { findSet } from '../backupset/readManifest.ts';
import type { SetRef } from '../backupset/layout.ts';
import { Failure } from '../contracts/failure.ts';

/** A set and the repository it was found in. The caller disposes it. */
export interface LocatedSet extends OpenRepository {
  readonly set: SetRef;
}

/**
 * Finds a set by its id: at the named destination, else at the first configured one that answers and has it, sealed.
 * @param except a destination that is not looked at unless it is named
 * @throws Failure E_SET_NOT_FOUND naming every place that was looked at; when none answered, the failure of the first
 */
export async function locateSet(location: Omit<RepositoryLocation, 'destination'> & { readonly destination?: string | undefined }, setId: string, except?: string): Promise<LocatedSet> {
  const { destination } = location;
  const names = destination === undefined ? Object.keys((await location.config()).destinations).filter((name) => name !== except) : [destination];
  const looked: { readonly name: string; readonly begun: boolean; readonly failure: Failure | undefined }[] = [];
  for (const name of names) {
    try {
      const opened = await openRepositoryAt({ ...location, destination: name });
      try {
        return { ...opened, set: await findSet(opened.repository, setId) };
      } catch (error) {
        await opened[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      looked.push({ name, begun: error.details['begun'] === true, failure: error.code === 'E_SET_NOT_FOUND' || isNoRepository(error) ? undefined : error });
      if (destination !== undefined && looked[0]?.failure !== undefined) throw error;
    }
  }
  const first = looked[0];
  if (first === undefined) throw new Failure('E_CONFIG', `no ${except === undefined ? '' : 'other '}destination is configured`, { hint: `name the folder of a repository with ${except === undefined ? '--destination' : '--from'}` });
  if (first.failure !== undefined && looked.every((each) => each.failure !== undefined)) throw first.failure;
  const where = looked.map(({ name, begun, failure }) => (failure === undefined ? `${name}${begun ? ' (begun and never sealed there)' : ''}` : `${name} (not searched: ${failure.code}, ${failure.message})`)).join(', ');
  throw new Failure('E_SET_NOT_FOUND', `there is no set ${setId} at ${where}`, { hint: 'mrs-backup set list shows the sets', details: { destinations: names } });
}

/** A destination that nothing was backed up to yet has no repository: that is an empty one, not a failure. */
export function isNoRepository(error: unknown): boolean {
  return error instanceof Failure && error.code === 'E_FORMAT' && error.cause instanceof Failure && error.cause.code === 'E_OBJECT_NOT_FOUND';
}
