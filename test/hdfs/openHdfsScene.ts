import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Handle, SourceSession } from '../../components/dataSource.ts';
import { hdfsSource } from '../../components/hdfs/hdfsSource.ts';
import type { HdfsSelection } from '../../components/hdfs/hdfsSchemas.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Change, Entry } from '../../contracts/entry.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';

/** An HDFS of one test file's own, seen by a client and by the data source. */
export interface HdfsScene extends AsyncDisposable {
  readonly lab: Lab;
  readonly url: string;
  readonly user: string;
  readonly client: WebHdfs;
  readonly session: SourceSession<HdfsSelection>;
  connectAs(name: string): Promise<SourceSession<HdfsSelection>>;
  /** The changes of a plan, which must come in order. */
  changesOf(handle: Handle, selection: HdfsSelection, since?: { handle: Handle; openBefore: readonly string[] }): Promise<{ changes: Change[]; report: { kind: string; fellBack?: string } }>;
  /** Everything there is, by key. */
  listing(handle: Handle, selection: HdfsSelection): Promise<Map<string, Entry>>;
}

export async function openHdfsScene(): Promise<HdfsScene> {
  const user = process.env['USER'] ?? 'root';
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-hdfs-source-'));
  const lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['hdfs-a']);
  const url = lab.endpoints('hdfs-a')['webhdfs']!;
  const client = createWebHdfs({ urls: [url], user });
  const connectAs: HdfsScene['connectAs'] = (name) => hdfsSource.connect({ webhdfs: [url], user: name }, { cluster: 'prod', instance: 'hacluster', readSecret: async () => '', scratchFolder: folder, held: new Map() });
  const session = await connectAs(user);
  const changesOf: HdfsScene['changesOf'] = async (handle, selection, since) => {
    const changes: Change[] = [];
    let report: { kind: string; fellBack?: string } | undefined;
    for await (const change of session.plan(handle, selection, since, (said) => { report = said; })) {
      expect(report, 'the report comes before the first change').toBeDefined();
      const last = changes.at(-1);
      if (last !== undefined) {
        const order = compareKeys(keyOf(last), keyOf(change));
        expect(order < 0 || (order === 0 && last.op === 'remove' && change.op === 'put'), `${keyOf(last)} before ${keyOf(change)}`).toBe(true);
      }
      changes.push(change);
    }
    return { changes, report: report! };
  };
  return {
    lab, url, user, client, session, connectAs, changesOf,
    async listing(handle, selection) {
      const { changes, report } = await changesOf(handle, selection);
      expect(report.kind).toBe('full');
      return new Map(changes.flatMap((change) => (change.op === 'put' ? [[change.entry.key, change.entry] as const] : [])));
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
      await lab.down(['hdfs-a']);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const keyOf = (change: Change): string => (change.op === 'put' ? change.entry.key : change.key);

/** All bytes of something small. */
export async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}
