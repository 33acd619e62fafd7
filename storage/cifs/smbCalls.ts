import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import { NativeError } from '../native/nativeError.ts';

/** A point in time of the C library. */
interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What `smbc_stat` fills, as far as it is used. */
export interface SmbStat {
  readonly inode: number | bigint;
  readonly mode: number;
  readonly size: number;
  readonly modified: Timespec;
}

/** One line of `smbc_readdirplus`. */
export interface SmbEntry {
  readonly size: number;
  readonly attributes: number;
  readonly modified: Timespec;
  readonly name: string;
}

/** What `smbc_statvfs` fills, as far as it is used. Not the reading of POSIX: a block is `sectorBytes` × `sectors`. */
export interface SmbSpace {
  readonly sectorBytes: number;
  readonly sectors: number;
  readonly blocks: number;
  readonly available: number;
  readonly flags: number;
}

/** `struct stat` of glibc; the library takes that of the machine it was built for. */
const statFields: Readonly<Record<string, Record<string, string | TypeObject>>> = {
  x64: { device: 'uint64_t', inode: 'uint64_t', links: 'uint64_t', mode: 'uint32_t', user: 'uint32_t', group: 'uint32_t', hole: 'uint32_t', raw: 'uint64_t', size: 'int64_t', block: 'int64_t', blocks: 'int64_t' },
  arm64: { device: 'uint64_t', inode: 'uint64_t', mode: 'uint32_t', links: 'uint32_t', user: 'uint32_t', group: 'uint32_t', raw: 'uint64_t', hole: 'uint64_t', size: 'int64_t', block: 'int32_t', hole2: 'int32_t', blocks: 'int64_t' },
};

/**
 * The functions of libsmbclient that are used, as they are. The library's state is global: once per process.
 * @throws NativeError ELIBRARY when it cannot be loaded, or not be used on this processor
 */
export function loadSmbCalls(library: string) {
  const fields = statFields[process.arch];
  if (fields === undefined) throw new NativeError('ELIBRARY', `libsmbclient is not used on processors of type ${process.arch}`);
  const opened = open(library);
  const call = (prototype: string) => {
    try {
      return opened.func(prototype);
    } catch (error) {
      throw new NativeError('ELIBRARY', `${library} is no libsmbclient, or one that is too old: ${(error as Error).message}`);
    }
  };
  koffi.struct('smb_time', { seconds: 'int64_t', nanoseconds: 'int64_t' });
  koffi.struct('smb_stat', { ...fields, accessed: 'smb_time', modified: 'smb_time', changed: 'smb_time', rest: koffi.array('int64_t', 3) });
  koffi.struct('smb_entry', { size: 'uint64_t', attributes: 'uint16_t', user: 'uint32_t', group: 'uint32_t', born: 'smb_time', modified: 'smb_time', accessed: 'smb_time', changed: 'smb_time', name: 'const char *', shortName: 'const char *' });
  koffi.struct('smb_space', { sectorBytes: 'uint64_t', sectors: 'uint64_t', blocks: 'uint64_t', free: 'uint64_t', available: 'uint64_t', files: 'uint64_t', freeFiles: 'uint64_t', availableFiles: 'uint64_t', id: 'uint64_t', flags: 'uint64_t', longestName: 'uint64_t', rest: koffi.array('int', 6) });
  koffi.proto('void smb_login(void *context, const char *server, const char *share, void *domain, int domainBytes, void *user, int userBytes, void *password, int passwordBytes)');
  koffi.proto('void smb_log(void *own, int level, const char *message)');
  koffi.proto('int smb_keep(void *context, void *connected, const char *server, const char *share, const char *workgroup, const char *user)');
  return {
    newContext: call('void *smbc_new_context()') as () => unknown,
    setConfiguration: call('int smbc_setConfiguration(void *, const char *)') as (context: unknown, file: string) => number,
    setDebug: call('void smbc_setDebug(void *, int)') as (context: unknown, level: number) => void,
    setDebugToStderr: call('void smbc_setOptionDebugToStderr(void *, int)') as (context: unknown, on: number) => void,
    setLog: call('void smbc_setLogCallback(void *, void *, smb_log *)') as (context: unknown, own: unknown, log: unknown) => void,
    setNoAnonymous: call('void smbc_setOptionNoAutoAnonymousLogin(void *, int)') as (context: unknown, on: number) => void,
    setKerberos: call('void smbc_setOptionUseKerberos(void *, int)') as (context: unknown, on: number) => void,
    setTimeout: call('void smbc_setTimeout(void *, int)') as (context: unknown, milliseconds: number) => void,
    setPort: call('void smbc_setPort(void *, uint16_t)') as (context: unknown, port: number) => void,
    setEncryption: call('void smbc_setOptionSmbEncryptionLevel(void *, int)') as (context: unknown, level: number) => void,
    setProtocols: call('int smbc_setOptionProtocols(void *, const char *, const char *)') as (context: unknown, least: string, most: string) => number,
    setLogin: call('void smbc_setFunctionAuthDataWithContext(void *, smb_login *)') as (context: unknown, login: unknown) => void,
    keep: call('void *smbc_getFunctionAddCachedServer(void *)') as (context: unknown) => unknown,
    setKeep: call('void smbc_setFunctionAddCachedServer(void *, smb_keep *)') as (context: unknown, keep: unknown) => void,
    isEncrypted: privateCall(opened, 'bool cli_state_is_encryption_on(void *)') as ((connection: unknown) => boolean) | undefined,
    initContext: call('void *smbc_init_context(void *)') as (context: unknown) => unknown,
    setContext: call('void *smbc_set_context(void *)') as (context: unknown) => unknown,
    freeContext: call('int smbc_free_context(void *, int)') as (context: unknown, shutDown: number) => number,
    open: call('int smbc_open(const char *, int, uint32_t)') as (url: string, flags: number, mode: number) => number,
    read: call('int64_t smbc_read(int, void *, size_t)') as (handle: number, buffer: Uint8Array, length: number) => number,
    write: call('int64_t smbc_write(int, const void *, size_t)') as (handle: number, bytes: Uint8Array, length: number) => number,
    seek: call('int64_t smbc_lseek(int, int64_t, int)') as (handle: number, offset: number, whence: number) => number,
    close: call('int smbc_close(int)') as (handle: number) => number,
    stat: call('int smbc_stat(const char *, _Out_ smb_stat *)') as (url: string, out: Partial<SmbStat>) => number,
    statHandle: call('int smbc_fstat(int, _Out_ smb_stat *)') as (handle: number, out: Partial<SmbStat>) => number,
    space: call('int smbc_statvfs(const char *, _Out_ smb_space *)') as (url: string, out: Partial<SmbSpace>) => number,
    rename: call('int smbc_rename(const char *, const char *)') as (from: string, to: string) => number,
    unlink: call('int smbc_unlink(const char *)') as (url: string) => number,
    makeFolder: call('int smbc_mkdir(const char *, uint32_t)') as (url: string, mode: number) => number,
    removeFolder: call('int smbc_rmdir(const char *)') as (url: string) => number,
    openFolder: call('int smbc_opendir(const char *)') as (url: string) => number,
    closeFolder: call('int smbc_closedir(int)') as (handle: number) => number,
    nextEntry: call('smb_entry *smbc_readdirplus(unsigned int)') as (handle: number) => unknown,
  };
}

/** The functions of libsmbclient. */
export type SmbCalls = ReturnType<typeof loadSmbCalls>;

/** Name of the error of the last call, such as `ENOENT`. */
export function lastSmbError(): string {
  const number = koffi.errno();
  return Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

/** The line of a folder behind what `nextEntry` returned. */
export function smbEntryAt(pointer: unknown): SmbEntry {
  return koffi.decode(pointer, 'smb_entry') as SmbEntry;
}

/** A function of ours that the library calls for a login. Never freed: the library may ask again at any time. */
export function smbLogin(answer: { readonly domain: string; readonly user: string; readonly password: string }): unknown {
  const fill = (place: unknown, length: number, text: string): void => {
    const bytes = Buffer.from(`${text}\0`);
    // The schema keeps them shorter; a cut password would be a wrong one.
    if (bytes.length > length) return koffi.encode(place, koffi.array('uint8_t', 1), [0]);
    koffi.encode(place, koffi.array('uint8_t', bytes.length), [...bytes]);
  };
  return koffi.register((_context: unknown, _server: string, _share: string, domain: unknown, domainBytes: number, user: unknown, userBytes: number, password: unknown, passwordBytes: number) => {
    fill(domain, domainBytes, answer.domain);
    fill(user, userBytes, answer.user);
    fill(password, passwordBytes, answer.password);
  }, koffi.pointer('smb_login'));
}

/** A function of ours that the library tells what it would write into a log. Never freed. */
export function smbLog(take: (message: string) => void): unknown {
  return koffi.register((_own: unknown, _level: number, message: string) => take(message), koffi.pointer('smb_log'));
}

/**
 * A function of ours that the library calls with each connection it has made, before it uses it: keeps those that `accept`, in the library's own way. Never freed.
 * @param keep the library's own function for it
 */
export function smbKeeper(keep: unknown, accept: (connection: unknown) => boolean): unknown {
  // What the library calls a server begins with its connection.
  return koffi.register((context: unknown, connected: unknown, ...names: readonly string[]) => (accept(koffi.decode(connected, 'void *')) ? (koffi.call(keep, 'smb_keep', context, connected, ...names) as number) : 1), koffi.pointer('smb_keep'));
}

/** A function of the libraries beneath, which a version may not have. */
function privateCall(opened: LibraryHandle, prototype: string): unknown {
  try {
    return opened.func(prototype);
  } catch {
    return undefined;
  }
}

function open(library: string): LibraryHandle {
  try {
    return koffi.load(library);
  } catch (error) {
    throw new NativeError('ELIBRARY', (error as Error).message);
  }
}
