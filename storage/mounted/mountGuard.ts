import { closeSync, constants, openSync, readFileSync, realpathSync } from 'node:fs';
import { NativeError } from '../native/nativeError.ts';
import { systemErrorName } from '../posixFailure.ts';
import { parseMountTable, type Mount } from './mountTable.ts';

/** What must be mounted, and where. */
export interface ExpectedMount {
  /** The mount point, absolute. */
  readonly mountPath: string;
  /** As the system names them: `nfs`, `nfs4`, `cifs`, `smb3`. */
  readonly fileSystemTypes: readonly string[];
  /** `host:/export` or `//host/share`. */
  readonly source: string;
}

/** Code of a `NativeError`: something else is mounted there than was expected. */
export const OTHER_MOUNT = 'EOTHERMOUNT';
/** Code of a `NativeError`: nothing is mounted there. */
export const NO_MOUNT = 'ENOMOUNT';

/**
 * Sees to it that what is read and written lies on the expected share, and never in the folder beneath its mount point. Keeps the mount point
 * open: what happens below that handle happens on that share, or fails. The calls may hang when the server does.
 */
export class MountGuard {
  readonly #expected: ExpectedMount;
  /** The open mount point. */
  readonly handle: number;
  /** While the handle is open, no other mount gets this number. */
  readonly #id: number;

  /** @throws NativeError `ENOMOUNT`, `EOTHERMOUNT`; a system error as it is */
  constructor(expected: ExpectedMount) {
    this.#expected = expected;
    // Opened before the table is read: that makes an automounter mount it.
    this.handle = openFolder(expected.mountPath);
    try {
      this.#id = mountIdOf(this.handle);
      const mount = mountTable().findLast(({ id }) => id === this.#id);
      this.#judge(mount, realpathSync(expected.mountPath));
    } catch (error) {
      closeSync(this.handle);
      throw error;
    }
  }

  /**
   * Cheap, for before and after each write.
   * @throws NativeError `ENOMOUNT` when the path does not lead to the mount of this guard any more
   */
  check(): void {
    const now = openFolder(this.#expected.mountPath);
    try {
      if (mountIdOf(now) !== this.#id) throw new NativeError(NO_MOUNT, `what is at ${this.#expected.mountPath} is not what was mounted there when it was opened`, true);
    } finally {
      closeSync(now);
    }
  }

  #judge(mount: Mount | undefined, realPath: string): void {
    const { mountPath, fileSystemTypes, source } = this.#expected;
    if (mount === undefined || mount.mountPoint === '/' || mount.mountPoint !== realPath) throw new NativeError(NO_MOUNT, `nothing is mounted at ${mountPath}`, true);
    const there = `${mount.source} (${mount.fileSystemType}) is mounted at ${mountPath}`;
    if (!fileSystemTypes.includes(mount.fileSystemType)) throw new NativeError(OTHER_MOUNT, `${there}, not a file system of type ${fileSystemTypes.join(' or ')}`, true);
    if (comparable(mount.source) !== comparable(source)) throw new NativeError(OTHER_MOUNT, `${there}, not ${source}`, true);
  }
}

/** @throws NativeError `ENOMOUNT` when it is the folder beneath the mount, closed to this user as it should be; a system error as it is */
function openFolder(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (systemErrorName(error) !== 'EACCES') throw error;
    const realPath = realpathSync(path);
    if (mountTable().some(({ mountPoint }) => mountPoint === realPath)) throw error;
    throw new NativeError(NO_MOUNT, `nothing is mounted at ${path}`, true);
  }
}

function mountTable(): readonly Mount[] {
  return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'));
}

function mountIdOf(handle: number): number {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${handle}`, 'utf8')) ?? [];
  if (id === undefined) throw new NativeError('ENOSYS', 'the system does not tell which mount an open file belongs to', true);
  return Number(id);
}

/** Server and share of SMB mean the same in either case and with either slash; a slash at the end means nothing. */
function comparable(source: string): string {
  const slashed = /^[\\/]{2}/.test(source) ? source.replaceAll('\\', '/').toLowerCase() : source;
  return slashed.replace(/(?<=[^:])\/+$/, '');
}
