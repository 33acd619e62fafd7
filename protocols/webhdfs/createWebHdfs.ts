import { createAttributeCalls } from './attributeCalls.ts';
import { createCaller } from './caller.ts';
import { createFileCalls } from './fileCalls.ts';
import { NameNodes } from './nameNodes.ts';
import { createServerCalls } from './serverCalls.ts';
import { createSnapshotCalls } from './snapshotCalls.ts';
import type { WebHdfs, WebHdfsOptions } from './webHdfs.ts';

/**
 * A client of one NameService over `node:http` (undici cannot CREATE against a DataNode: it sends an unasked `100 Continue`).
 * Opens no connection by itself.
 */
export function createWebHdfs(options: WebHdfsOptions): WebHdfs {
  const nameNodes = new NameNodes({ urls: options.urls, timeoutMs: options.timeoutMs ?? 60_000, maxSockets: options.maxSockets ?? 32 });
  const call = createCaller(nameNodes, options.user);
  return {
    user: options.user,
    ...createFileCalls(call, options.stallMs ?? 60_000),
    ...createAttributeCalls(call),
    ...createSnapshotCalls(call),
    ...createServerCalls(call, nameNodes, options.user),
    [Symbol.asyncDispose]: () => nameNodes[Symbol.asyncDispose](),
  };
}
