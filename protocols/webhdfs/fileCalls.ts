import { answers } from './answers.ts';
import type { Call } from './caller.ts';
import { askDataNode, receive, send } from './dataNodeTransfer.ts';
import { parseAnswer } from './parseAnswer.ts';
import { readStatus } from './readStatus.ts';
import type { HdfsStatus, WebHdfs } from './webHdfs.ts';
import { createShortPaths } from './shortPaths.ts';
import { WebHdfsError } from './webHdfsError.ts';

type FileCalls = Pick<WebHdfs, 'status' | 'statusOrUndefined' | 'listPaged' | 'mkdirs' | 'create' | 'open' | 'rename' | 'delete' | 'checksum' | 'blockLocations'>;

function refused(op: string, path: string, message: string, kind: 'invalid' | 'exists' | 'notFound' = 'invalid'): WebHdfsError {
  return new WebHdfsError(message, { kind, exception: 'False', status: 200, op, path });
}

/** Files and directories: status, lists, bytes, names. `stallMs` as in WebHdfsOptions. */
export function createFileCalls(call: Call, stallMs: number): FileCalls {
  async function status(path: string, signal?: AbortSignal): Promise<HdfsStatus> {
    try {
      return readStatus((await call('GET', 'GETFILESTATUS', path, {}, signal, answers.status)).FileStatus);
    } catch (error) {
      // A symbolic link is not followed by the server, but not answered for either.
      if (!(error instanceof WebHdfsError && error.exception === 'UnresolvedPathException')) throw error;
      return readStatus((await call('GET', 'GETFILELINKSTATUS', path, {}, signal, answers.status)).FileStatus);
    }
  }

  async function statusOrUndefined(path: string, signal?: AbortSignal): Promise<HdfsStatus | undefined> {
    try {
      return await status(path, signal);
    } catch (error) {
      if (error instanceof WebHdfsError && error.kind === 'notFound') return undefined;
      throw error;
    }
  }

  const shortPaths = createShortPaths(statusOrUndefined);

  return {
    status,
    statusOrUndefined,

    async *listPaged(path, options = {}, signal) {
      let startAfter = options.startAfter;
      for (;;) {
        // In lower case: `startAfter` is ignored, and every page is the first.
        const page = await call('GET', 'LISTSTATUS_BATCH', path, { startafter: startAfter }, signal, answers.page);
        const entries = page.DirectoryListing.partialListing.FileStatuses.FileStatus.map(readStatus);
        yield entries;
        const last = entries.at(-1);
        if (last !== undefined && last.pathSuffix === startAfter) throw refused('LISTSTATUS_BATCH', path, 'the server repeats a page of the list');
        if (page.DirectoryListing.remainingEntries === 0 || last === undefined) return;
        startAfter = last.pathSuffix;
      }
    },

    async mkdirs(path, permission, signal) {
      const made = await call('PUT', 'MKDIRS', path, { permission }, signal, answers.boolean);
      if (!made.boolean) throw refused('MKDIRS', path, 'the server did not create the directory');
    },

    async create(path, body, options = {}, signal) {
      const { Location: location } = await call('PUT', 'CREATE', await shortPaths.ofNew(path, signal), {
        noredirect: true,
        overwrite: options.overwrite ?? false,
        replication: options.replication,
        blocksize: options.blockSize,
        permission: options.permission,
      }, signal, answers.location);
      return send({ location, op: 'CREATE', path, stallMs, signal }, body, options.length);
    },

    async *open(path, offset, length, signal) {
      if (length === 0) return;
      const short = await shortPaths.ofFile(path, 'OPEN', signal);
      const { Location: location } = await call('GET', 'OPEN', short.path, { noredirect: true, offset, length }, signal, answers.location);
      yield* receive({ location, op: 'OPEN', path, stallMs, signal }, length);
      await short.assertSame();
    },

    async rename(from, to, options = {}, signal) {
      // With options the server answers nothing and names what is wrong.
      await call('PUT', 'RENAME', from, { destination: to, renameoptions: options.overwrite === true ? 'OVERWRITE' : 'NONE' }, signal);
    },

    async delete(path, options = {}, signal) {
      return (await call('DELETE', 'DELETE', path, { recursive: options.recursive ?? false }, signal, answers.boolean)).boolean;
    },

    async checksum(path, signal) {
      const short = await shortPaths.ofFile(path, 'GETFILECHECKSUM', signal);
      const { Location: location } = await call('GET', 'GETFILECHECKSUM', short.path, { noredirect: true }, signal, answers.location);
      const answer = parseAnswer(await askDataNode({ location, op: 'GETFILECHECKSUM', path, stallMs, signal }), answers.checksum, { op: 'GETFILECHECKSUM', path });
      await short.assertSame();
      // The server pads the 28 bytes with zeros.
      return { algorithm: answer.FileChecksum.algorithm, hex: answer.FileChecksum.bytes.slice(0, 56).toLowerCase() };
    },

    async blockLocations(path, offset, length, signal) {
      return (await call('GET', 'GETFILEBLOCKLOCATIONS', path, { offset, length }, signal, answers.blocks)).BlockLocations.BlockLocation;
    },
  };
}
