import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import type { Failure } from '../../contracts/failure.ts';
import { hasStatus, sftpCodes, SftpStatus } from './sftpStatus.ts';

/** What a server tells of the file system below a path. */
export interface FileSystemState {
  readonly id: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** How many more files there may be; `undefined` where there is no such limit. */
  readonly freeFiles: number | undefined;
  readonly readOnly: boolean;
}

/** Fields of ssh2, whose version is pinned, that have no accessor: what the server offers, and its largest packets. */
interface Offered {
  readonly _extensions: Readonly<Record<string, string>>;
  readonly _maxReadLen: number;
  readonly _maxWriteLen: number;
}

const READ_ONLY_FLAG = 1;

/** One SFTP channel: its requests as promises. They end in `SftpStatus`, or in a failure when the channel is no more. */
export class SftpChannel {
  readonly #sftp: SFTPWrapper;
  readonly #gather: () => void;
  readonly #lost: (error: unknown) => Failure;
  readonly #pending = new Set<(reason: Failure) => void>();
  #ended: Failure | undefined;
  /** How many use it now. */
  users = 0;
  readonly offers: { readonly posixRename: boolean; readonly hardlink: boolean; readonly fsync: boolean; readonly statvfs: boolean };
  readonly readBytes: number;
  readonly writeBytes: number;

  /**
   * @param gather called before a request is sent
   * @param lost the failure of a request that got no answer
   */
  constructor(sftp: SFTPWrapper, gather: () => void, lost: (error: unknown) => Failure) {
    this.#sftp = sftp;
    this.#gather = gather;
    this.#lost = lost;
    const { _extensions: extensions, _maxReadLen: readBytes, _maxWriteLen: writeBytes } = sftp as unknown as Offered;
    this.offers = { posixRename: extensions['posix-rename@openssh.com'] === '1', hardlink: extensions['hardlink@openssh.com'] === '1', fsync: extensions['fsync@openssh.com'] === '1', statvfs: extensions['statvfs@openssh.com'] === '2' };
    this.readBytes = readBytes;
    this.writeBytes = writeBytes;
    sftp.on('error', (error: unknown) => this.end(lost(error)));
    sftp.on('close', () => this.end(lost(new Error('the server closed the channel'))));
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Whether a request has no answer yet. */
  get waits(): boolean {
    return this.#pending.size > 0;
  }

  /** No request is answered any more. */
  end(reason: Failure): void {
    this.#ended ??= reason;
    for (const reject of this.#pending) reject(this.#ended);
    this.#pending.clear();
  }

  open = (path: string, flags: 'r' | 'wx', mode = 0): Promise<Buffer> => this.#ask((done) => this.#sftp.open(path, flags, flags === 'r' ? {} : { mode }, done));
  close = (handle: Buffer): Promise<void> => this.#ask((done) => this.#sftp.close(handle, done));
  write = (handle: Buffer, data: Buffer, position: number): Promise<void> => this.#ask((done) => this.#sftp.write(handle, data, 0, data.length, position, done));
  read = (handle: Buffer, into: Buffer, position: number): Promise<number> => this.#ask((done) => this.#sftp.read(handle, into, 0, into.length, position, done));
  fsync = (handle: Buffer): Promise<void> => this.#ask((done) => this.#sftp.ext_openssh_fsync(handle, done));
  fstat = (handle: Buffer): Promise<Stats> => this.#ask((done) => this.#sftp.fstat(handle, done));
  stat = (path: string): Promise<Stats> => this.#ask((done) => this.#sftp.stat(path, done));
  lstat = (path: string): Promise<Stats> => this.#ask((done) => this.#sftp.lstat(path, done));
  unlink = (path: string): Promise<void> => this.#ask((done) => this.#sftp.unlink(path, done));
  rename = (from: string, to: string): Promise<void> => this.#ask((done) => this.#sftp.rename(from, to, done));
  posixRename = (from: string, to: string): Promise<void> => this.#ask((done) => this.#sftp.ext_openssh_rename(from, to, done));
  hardlink = (from: string, to: string): Promise<void> => this.#ask((done) => this.#sftp.ext_openssh_hardlink(from, to, done));
  mkdir = (path: string, mode: number): Promise<void> => this.#ask((done) => this.#sftp.mkdir(path, { mode }, done));
  rmdir = (path: string): Promise<void> => this.#ask((done) => this.#sftp.rmdir(path, done));
  opendir = (path: string): Promise<Buffer> => this.#ask((done) => this.#sftp.opendir(path, done));

  /** The next names of an open folder; `undefined` at its end. */
  async readdir(handle: Buffer): Promise<readonly FileEntryWithStats[] | undefined> {
    try {
      return await this.#ask<FileEntryWithStats[]>((done) => this.#sftp.readdir(handle as unknown as string, done));
    } catch (error) {
      if (hasStatus(error, sftpCodes.endOfFile)) return undefined;
      throw error;
    }
  }

  async statvfs(path: string): Promise<FileSystemState> {
    const found = await this.#ask<Record<string, number>>((done) => this.#sftp.ext_openssh_statvfs(path, done));
    const value = (name: string): number => found[name] ?? 0;
    return {
      id: value('f_sid'),
      freeBytes: value('f_bavail') * value('f_frsize'),
      totalBytes: value('f_blocks') * value('f_frsize'),
      freeFiles: value('f_files') === 0 ? undefined : value('f_favail'),
      readOnly: (value('f_flag') & READ_ONLY_FLAG) !== 0,
    };
  }

  #ask<T>(send: (done: (error?: Error | null, value?: T) => void) => void): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      this.#gather();
      send((error, value) => {
        this.#pending.delete(reject);
        if (error === undefined || error === null) return resolve(value as T);
        const { code } = error as { code?: unknown };
        reject(typeof code === 'number' ? new SftpStatus(code, error.message, error) : this.#lost(error));
      });
    });
  }
}
