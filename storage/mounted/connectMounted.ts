import { NativeError } from '../native/nativeError.ts';
import { systemErrorName } from '../posixFailure.ts';
import { MountGuard, NO_MOUNT, type ExpectedMount } from './mountGuard.ts';
import { MountedFileSystem } from './mountedFileSystem.ts';

/** What the child process is told. */
export interface MountedSettings extends ExpectedMount {
  /** Path of the destination's folder below the mount point, absolute as seen from there. */
  readonly root: string;
}

/**
 * Opens what is mounted, if it is what was expected.
 * @throws NativeError `ENOMOUNT`, `EOTHERMOUNT`, or a system error
 */
export function connectMounted(settings: unknown): MountedFileSystem {
  const expected = settings as MountedSettings;
  try {
    return new MountedFileSystem(new MountGuard(expected), expected.root);
  } catch (error) {
    const code = systemErrorName(error);
    if (code === undefined) throw error;
    if (code === 'ENOENT') throw new NativeError(NO_MOUNT, `there is no ${expected.mountPath}`, true);
    throw new NativeError(code, `opening ${expected.mountPath}`, true);
  }
}
