import { Failure } from '../../contracts/failure.ts';
import type { NativeError } from '../native/nativeError.ts';
import { openNativeSession } from '../native/openNativeSession.ts';
import type { NfsConfig } from '../nfs.ts';
import type { StorageContext, StorageSession } from '../storageDriver.ts';
import type { NfsSettings } from './nfsFileSystem.ts';

/** Of versions 4 and 5. */
const libraryNames: readonly string[] = ['libnfs.so.13', 'libnfs.so.14'];

/**
 * Opens a folder of an NFS server as a destination, without a mount.
 * @throws Failure as of `StorageDriver.open`; E_UNSUPPORTED when libnfs is not installed
 */
export async function openNfsSession(place: NfsConfig, context: StorageContext): Promise<StorageSession> {
  const { library, server, export: exported, nfsPort, mountPort, uid, gid, timeoutSeconds, connections } = place;
  const libraries = library === undefined ? libraryNames : [library];
  const settings: NfsSettings = { libraries, server, export: exported, nfsPort, mountPort, uid, gid, timeoutSeconds };
  return await openNativeSession({
    program: new URL('./nfsChild.ts', import.meta.url),
    settings,
    library: libraries[0]!,
    libraryHint: 'install libnfs: the package libnfs13 of Debian and Ubuntu, libnfs of Fedora and RHEL; or name its file with "library"',
    path: place.path.startsWith('/') ? place.path : `/${place.path}`,
    shown: `destination ${context.name} (${server}:${exported}, ${place.path})`,
    way: 'in user space: NFS version 3 through libnfs',
    explain: (error, what) => explain(error, what, server),
    connections,
    timeoutSeconds,
  }, context);
}

/** Some servers tell whoever may not know it that an export is not there, others of any that is not there that it is not open to us. */
function explain(error: NativeError, what: string, server: string): Failure | undefined {
  const code = error.code === 'EACCES' || error.code === 'EPERM' ? 'E_DESTINATION_DENIED' : error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'E_DESTINATION_PATH' : undefined;
  if (code === undefined) return undefined;
  return new Failure(code, `${error.code} at ${what}: ${error.message}`, { hint: `showmount -e ${server} shows its exports and to whom they are open: is this one named as there, and this machine among them?`, details: { errno: error.code }, cause: error });
}
