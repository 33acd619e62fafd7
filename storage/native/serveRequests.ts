import { ftruncateSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { frameHead, frameLengths, prefixBytes } from './childFrames.ts';
import { NativeError } from './nativeError.ts';
import type { NativeEntry, NativeFileSystem } from './nativeFileSystem.ts';
import type { NativeAnswer, NativeConnected, NativeRequest } from './nativeRequest.ts';
import { SHARED_BLOCKS } from './sharedMemory.ts';
import { WrittenDigests } from './writtenDigests.ts';

/** Entries per frame of a listing. */
const PAGE_ENTRIES = 1000;
/** `PR_SET_PDEATHSIG` and `SIGKILL` of Linux. */
const PARENT_DEATH_SIGNAL = 1;
const KILL = 9;
/** `MFD_CLOEXEC`; `PROT_READ` and `PROT_WRITE`; `MAP_SHARED`. */
const CLOSE_ON_EXEC = 1;
const READ_AND_WRITE = 3;
const SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const STDIN = 0;
/** Not standard output: there a library may say what it wants (`libsmbclient` does of encryption that a server does not have). */
const ANSWERS = 3;

/**
 * The whole life of a child process: answers requests from standard input on a pipe of their own, one after the other, until the input ends. All of
 * it is synchronous, as the libraries are. Ends with its parent, also in the middle of a call that never returns.
 * @param connect loads the library and connects; what it throws with code `ELIBRARY` is a library that is not there
 */
export function serveRequests(connect: (settings: unknown) => NativeFileSystem): never {
  if (process.platform === 'linux') koffi.load('libc.so.6').func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)')(PARENT_DEATH_SIGNAL, KILL, 0, 0, 0);
  // That it has begun: what it takes from now on, the server takes.
  answer({});
  let files: NativeFileSystem | undefined;
  for (;;) {
    const request = readRequest();
    if (request === undefined) break;
    try {
      if (request.header.call === 'connect') {
        files = connect(request.header.settings);
        answer({ value: { offers: files.offers, memory: sharedMemoryOf(files.offers.blockBytes) } satisfies NativeConnected });
      } else if (files === undefined) throw new NativeError('ENOTCONN', 'not connected', true);
      else serve(files, request.header, request.bytes);
    } catch (error) {
      const { code, message, connectionLost } = error instanceof NativeError ? error : new NativeError('EIO', error instanceof Error ? (error.stack ?? error.message) : String(error), true);
      answer({ error: { code, message, connectionLost } });
      // What the library still holds of the connection is not touched again.
      if (connectionLost) process.exit(0);
    }
  }
  files?.disconnect();
  process.exit(0);
}

function serve(files: NativeFileSystem, request: Exclude<NativeRequest, { call: 'connect' }>, bytes: Buffer): void {
  switch (request.call) {
    case 'open': {
      const handle = files.open(request.path, request.mode);
      if (request.mode === 'createNew') digests.begin(handle);
      return answer({ value: handle });
    }
    case 'pread': {
      const { at, length } = request;
      if (at !== undefined) return answer({ value: files.pread(request.handle, shared.subarray(at, at + length), request.position) });
      const block = blockOf(length);
      return answer({}, block.subarray(0, files.pread(request.handle, block, request.position)));
    }
    case 'pwrite': {
      const written = request.at === undefined ? bytes : shared.subarray(request.at, request.at + (request.length ?? 0));
      digests.add(request.handle, written, request.position);
      files.pwrite(request.handle, written, request.position);
      return answer({});
    }
    case 'digest':
      return answer({ value: digests.of(request.handle) });
    case 'fsync':
      files.fsync(request.handle);
      return answer({});
    case 'close':
      digests.end(request.handle);
      files.close(request.handle);
      return answer({});
    case 'fstat':
      return answer({ value: files.fstat(request.handle) });
    case 'stat':
    case 'statvfs':
      return answer({ value: files[request.call](request.path) });
    case 'unlink':
    case 'mkdir':
    case 'rmdir':
      files[request.call](request.path);
      return answer({});
    case 'syncFolder':
      files.syncFolder?.(request.path);
      return answer({});
    case 'rename':
      files.rename(request.from, request.to);
      return answer({});
    case 'link':
      if (files.link === undefined) throw new NativeError('ENOSYS', 'this library gives a file no other name');
      files.link(request.from, request.to);
      return answer({});
    case 'readdir': {
      let page: NativeEntry[] = [];
      for (const entry of files.readdir(request.path)) {
        page.push(entry);
        if (page.length === PAGE_ENTRIES) {
          answer({ value: page, more: true });
          page = [];
        }
      }
      return answer({ value: page });
    }
  }
}

const digests = new WrittenDigests();

/** What the worker reads and writes, too, by the open file behind it. */
let shared = Buffer.alloc(0);

/** The open file behind a shared memory; undefined where the system has none. */
function sharedMemoryOf(blockBytes: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const libc = koffi.load('libc.so.6');
  const file = libc.func('int memfd_create(const char *name, unsigned int flags)')('mrs-backup', CLOSE_ON_EXEC) as number;
  if (file < 0) return undefined;
  const length = SHARED_BLOCKS * blockBytes;
  ftruncateSync(file, length);
  const begin = libc.func('void *mmap(void *address, size_t length, int protection, int flags, int file, int64_t offset)')(null, length, READ_AND_WRITE, SHARED, file, 0) as unknown;
  if (begin === null || koffi.address(begin) === MAP_FAILED) return undefined;
  shared = Buffer.from(koffi.view(begin, length));
  return file;
}

let block = Buffer.alloc(0);
/** Memory that is used again for the next block. */
function blockOf(length: number): Buffer {
  if (block.length < length) block = Buffer.allocUnsafeSlow(length);
  return block.subarray(0, length);
}

function readRequest(): { readonly header: NativeRequest; readonly bytes: Buffer } | undefined {
  const prefix = readWhole(Buffer.allocUnsafe(prefixBytes));
  if (prefix === undefined) return undefined;
  const lengths = frameLengths(prefix);
  const header = readWhole(Buffer.allocUnsafe(lengths.header));
  const bytes = readWhole(blockOf(lengths.bytes));
  return header === undefined || bytes === undefined ? undefined : { header: JSON.parse(header.toString()) as NativeRequest, bytes };
}

/** `undefined` when the input ended. */
function readWhole(into: Buffer): Buffer | undefined {
  for (let filled = 0; filled < into.length; ) {
    const got = readSync(STDIN, into, filled, into.length - filled, null);
    if (got === 0) return undefined;
    filled += got;
  }
  return into;
}

function answer(header: NativeAnswer, bytes: Buffer = Buffer.alloc(0)): void {
  for (const part of [frameHead({ ...header }, bytes), bytes]) for (let sent = 0; sent < part.length; ) sent += writeSync(ANSWERS, part, sent, part.length - sent, null);
}
