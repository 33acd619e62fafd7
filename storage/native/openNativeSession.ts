import { Failure } from '../../contracts/failure.ts';
import { TEMPORARY_FOLDER, type Naming } from '../keyNames.ts';
import type { StorageContext, StorageSession } from '../storageDriver.ts';
import type { NativeClient } from './nativeClient.ts';
import { NativeError } from './nativeError.ts';
import { hasNativeCode, isNativeAbsence, nativeFailure } from './nativeFailure.ts';
import type { NativeStatus } from './nativeFileSystem.ts';
import { NativeFolders } from './nativeFolders.ts';
import { NativeLanes } from './nativeLanes.ts';
import { NativeSession } from './nativeSession.ts';

/** Where a destination lies behind a client library, and how that is reached. */
export interface NativePlace {
  /** The program of the child processes. */
  readonly program: URL;
  /** What `connect` there is given. */
  readonly settings: unknown;
  /** The client library: a path, or a name for the system's loader. */
  readonly library: string;
  /** What to install when it is not there. */
  readonly libraryHint: string;
  /** Folder of the destination for the library, beginning with `/`. */
  readonly path: string;
  /** How to name the destination in messages. */
  readonly shown: string;
  /** How the server is reached, for the operator. */
  readonly way: string;
  readonly connections: number;
  readonly timeoutSeconds: number;
  /** An open session keeps something of the operator's in use, such as a mount. */
  readonly holdsPlace?: boolean;
  /** How the medium treats names. Default `exact`. */
  readonly naming?: Naming;
  /** What an error of connecting means there, where that is more than the error of a file. */
  readonly explain?: (error: NativeError, what: string) => Failure | undefined;
  /** Folders beside the library that hold libraries of its own. */
  readonly librarySubfolders?: readonly string[];
  /** Conformance cases that cannot pass, with the reason. */
  readonly limits?: NonNullable<StorageSession['found']>['limits'];
}

/**
 * Opens a folder behind a client library as a destination; makes it when only its last name is missing.
 * @throws Failure as of `StorageDriver.open`; E_UNSUPPORTED when the library is not installed
 */
export async function openNativeSession(place: NativePlace, { writer, mustExist }: Pick<StorageContext, 'writer' | 'mustExist'>): Promise<StorageSession> {
  const { shown, library } = place;
  const root = place.path.replace(/\/+/g, '/').replace(/\/$/, '');
  const failureOf = (error: unknown, what: string): unknown => {
    if (!hasNativeCode(error, 'ELIBRARY')) return (error instanceof NativeError ? place.explain?.(error, what) : undefined) ?? nativeFailure(error, what);
    return new Failure('E_UNSUPPORTED', `${shown} needs a library that is not here: ${error.message}`, { hint: place.libraryHint, cause: error });
  };
  const libraryFolder = library.slice(0, library.lastIndexOf('/'));
  const libraryFolders = library.startsWith('/') ? [libraryFolder, ...(place.librarySubfolders ?? []).map((name) => `${libraryFolder}/${name}`)] : [];
  const { program, settings, connections, timeoutSeconds } = place;
  const lanes = new NativeLanes({ program, settings, libraryFolders, connections, timeoutSeconds, shown, failureOf });
  try {
    using lease = await lanes.lease();
    const { client } = lease;
    const folders = new NativeFolders(root, shown);
    const { identity } = await prepareRoot(client, folders, { mustExist: mustExist === true, shown });
    await folders.make(client, TEMPORARY_FOLDER).catch((error: unknown) => {
      // A destination may be open for reading only: who writes is told.
      if (!hasNativeCode(error, 'EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT')) throw error;
    });
    // Who may not even enter it is told now.
    await client.stat(folders.at(TEMPORARY_FOLDER)).catch((error: unknown) => {
      if (!isNativeAbsence(error)) throw error;
    });
    const { fsync, durableNames } = client.offers;
    return new NativeSession({ lanes, folders, naming: place.naming ?? 'exact', identity, shown, writer, reusable: place.holdsPlace !== true, found: { durable: fsync && durableNames, limits: place.limits ?? {}, way: place.way } });
  } catch (error) {
    await lanes[Symbol.asyncDispose]();
    throw nativeFailure(error, shown);
  }
}

async function prepareRoot(client: NativeClient, folders: NativeFolders, { mustExist, shown }: { readonly mustExist: boolean; readonly shown: string }): Promise<NativeStatus> {
  const root = folders.at('');
  const statusOf = async (): Promise<NativeStatus | undefined> => await client.stat(root).catch((error: unknown) => {
    if (isNativeAbsence(error)) return undefined;
    throw error;
  });
  let status = await statusOf();
  if (status === undefined) {
    if (mustExist) throw new Failure('E_DESTINATION_PATH', `${shown} is gone`);
    await client.mkdir(root).catch((error: unknown) => {
      if (isNativeAbsence(error)) throw new Failure('E_DESTINATION_PATH', `${shown} is not there, nor is the folder above it`, { hint: 'make the folder above it on the server, and let the user write there', cause: error });
      // Somebody else may be making it too.
      if (!hasNativeCode(error, 'EEXIST')) throw error;
    });
    status = await statusOf();
  }
  if (status?.kind !== 'folder') throw new Failure('E_DESTINATION_PATH', `${shown} is not a folder`);
  return status;
}
