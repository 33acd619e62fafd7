import { Failure } from '../../contracts/failure.ts';
import type { Naming } from '../keyNames.ts';
import type { NativeError } from '../native/nativeError.ts';
import { openNativeSession } from '../native/openNativeSession.ts';
import type { StorageContext, StorageSession } from '../storageDriver.ts';
import type { MountedSettings } from './connectMounted.ts';
import { NO_MOUNT, OTHER_MOUNT, type ExpectedMount } from './mountGuard.ts';

/** A folder of a share that the operator has mounted. */
export interface MountedPlace extends ExpectedMount {
  /** Folder below the mount point. */
  readonly path: string;
  readonly naming: Naming;
  readonly connections: number;
  readonly timeoutSeconds: number;
}

/**
 * Opens a folder of a mounted share as a destination, if the expected share is mounted there. A call of the operating system may hang as long as
 * the server is away: it is made in a child process, which is left behind then.
 * @throws Failure as of `StorageDriver.open`: E_DESTINATION_UNREACHABLE when nothing is mounted, E_DESTINATION_PATH when it is something else
 */
export async function openMountedSession(place: MountedPlace, context: Pick<StorageContext, 'name' | 'writer' | 'mustExist'>): Promise<StorageSession> {
  const { mountPath, fileSystemTypes, source, naming, connections, timeoutSeconds } = place;
  const path = `/${place.path}`.replace(/\/+/g, '/');
  const settings: MountedSettings = { mountPath, fileSystemTypes, source, root: path.replace(/(?<=.)\/$/, '') };
  return await openNativeSession({
    program: new URL('./mountedChild.ts', import.meta.url),
    settings,
    library: '',
    libraryHint: '',
    path,
    shown: `destination ${context.name} (${source} at ${mountPath}, ${place.path})`,
    way: `by the mount at ${mountPath} (${source})`,
    naming,
    holdsPlace: true,
    explain: (error, what) => explain(error, what, place),
    connections,
    timeoutSeconds,
  }, context);
}

function explain({ code, message }: NativeError, what: string, { mountPath, source }: MountedPlace): Failure | undefined {
  if (code === NO_MOUNT) return new Failure('E_DESTINATION_UNREACHABLE', `${message}, for ${what}`, { hint: `mount ${source} at ${mountPath}; a run goes on by itself` });
  if (code === OTHER_MOUNT) return new Failure('E_DESTINATION_PATH', `${message}, for ${what}`, { hint: `mount ${source} at ${mountPath}, or correct mountPath and source of the destination; nothing was written` });
  return undefined;
}
