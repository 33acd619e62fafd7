import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectStore } from '../../lab/labConfig.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { s3KeyFiles, type S3Account, type S3Keys } from '../../lab/s3Account.ts';
import { createSecretReader } from '../../config/secrets.ts';
import { obs } from '../../storage/obs.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { startFaultProxy, type FaultProxy, type FaultProxyOptions } from './faultProxy.ts';

/** S3 servers of one test file's own, and destinations on them. */
export interface ObsScene {
  readonly lab: Lab;
  readonly folder: string;
  /** Block of the configuration; a folder of the bucket of its own every time. */
  settings(server: string, more?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  open(settings: Readonly<Record<string, unknown>>, writer?: string): Promise<StorageSession>;
  keys(server: string, account?: S3Account): Promise<S3Keys>;
  /** A proxy in front of a server, and the block that goes through it. */
  proxied(server: string, more?: Readonly<Record<string, unknown>>, options?: Partial<FaultProxyOptions>): Promise<{ readonly proxy: FaultProxy; readonly settings: Record<string, unknown> }>;
  close(): Promise<void>;
}

export async function openObsScene(servers: readonly string[]): Promise<ObsScene> {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-obs-'));
  const lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(servers);
  let folders = 0;
  const settings: ObsScene['settings'] = (server, more = {}) => ({ ...objectStore(lab.place(server)), path: `folder-${++folders}`, ...more });
  return {
    lab, folder, settings,
    open: async (block, writer) => await obs.open(obs.config.parse(block), { name: 'store', readSecret: createSecretReader(folder), writer }),
    async keys(server, account = 'admin') {
      const files = s3KeyFiles(lab.place(server), account);
      return { accessKey: await readFile(files.accessKey, 'utf8'), secretKey: await readFile(files.secretKey, 'utf8') };
    },
    async proxied(server, more = {}, options = {}) {
      const proxy = await startFaultProxy({ target: lab.place(server).ports['http']!, ...options });
      const { caFile: _file, ...block } = settings(server);
      return { proxy, settings: { ...block, endpoint: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${proxy.port}`, plainHttp: true, ...more } };
    },
    async close() {
      await lab.down(servers);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Puts a sample of this length; the key is its seed. */
export async function putSample(session: StorageSession, key: string, length = 10): Promise<void> {
  const sample = sampleBody(length, key);
  await session.put(key, sample.body(), sample);
}

/** All bytes of an object. */
export async function bytesAt(session: StorageSession, key: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of session.get(key)) parts.push(chunk);
  return Buffer.concat(parts);
}

/** All keys. */
export async function keysOf(session: StorageSession, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of session.list(prefix)) keys.push(key);
  return keys;
}
