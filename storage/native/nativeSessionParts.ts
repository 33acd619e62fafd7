import type { Naming } from '../keyNames.ts';
import type { StorageSession } from '../storageDriver.ts';
import type { NativeFolders } from './nativeFolders.ts';
import type { NativeLanes } from './nativeLanes.ts';

/** What an open destination behind a client library knows. The child processes end with the session. */
export interface NativeSessionParts {
  readonly lanes: NativeLanes;
  readonly folders: NativeFolders;
  readonly naming: Naming;
  /** Which folder the root was when it was opened, where the library tells. */
  readonly identity: string | undefined;
  /** How to name the destination in messages. */
  readonly shown: string;
  /** Whose temporary files are made. */
  readonly writer: string | undefined;
  readonly found: NonNullable<StorageSession['found']>;
  readonly reusable: boolean;
}
