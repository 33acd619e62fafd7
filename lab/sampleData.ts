import { userInfo } from 'node:os';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import { connectDbservice, databases as allDatabases } from './dbservice.ts';
import type { Lab } from './lab.ts';
import { changeDatabase, fillDatabase } from './sampleDatabase.ts';
import { changeHdfs, fillHdfs } from './sampleHdfs.ts';
import { sampleRoots } from './sampleRoots.ts';

export interface SampleSize {
  /** Small files in /data of hacluster; a tenth of it in /warehouse of ns2. */
  readonly files: number;
  /** Size of the one large file; 0 for none. */
  readonly largeBytes: number;
  /** Which databases; all without. */
  readonly databases?: readonly string[];
  /** Rows of the main table of each database. */
  readonly rows?: number;
}

const hdfsPlaces = [{ server: 'hdfs-a', root: sampleRoots['hdfs-a'], share: 1 }, { server: 'hdfs-a-ns2', root: sampleRoots['hdfs-a-ns2'], share: 0.1 }] as const;

const filesOf = (files: number, share: number) => Math.ceil(files * share);

/** Fills those servers of cluster A that run. */
export async function makeSampleData(lab: Lab, size: SampleSize): Promise<void> {
  for (const { server, root, share } of running(lab)) {
    await using client = createWebHdfs({ urls: [lab.endpoints(server)['webhdfs']!], user: userInfo().username });
    await fillHdfs(client, root, { files: filesOf(size.files, share), largeBytes: Math.floor(size.largeBytes * share) });
  }
  if (lab.status()['dbservice']!.status !== 'running') return;
  for (const name of size.databases ?? Object.keys(allDatabases)) {
    const client = await connectDbservice(lab.place('dbservice'), name);
    try {
      await fillDatabase(client, allDatabases[name]!.owner, size.rows ?? 2000);
    } finally {
      await client.end();
    }
  }
}

/** Changes some of it: files in both NameServices, rows in one database only. `files` as given to makeSampleData. */
export async function changeSampleData(lab: Lab, { files, database = 'hivemeta' }: { readonly files: number; readonly database?: string }): Promise<void> {
  for (const { server, root, share } of running(lab)) {
    await using client = createWebHdfs({ urls: [lab.endpoints(server)['webhdfs']!], user: userInfo().username });
    await changeHdfs(client, root, filesOf(files, share));
  }
  if (lab.status()['dbservice']!.status !== 'running') return;
  const client = await connectDbservice(lab.place('dbservice'), database);
  try {
    await changeDatabase(client);
  } finally {
    await client.end();
  }
}

function running(lab: Lab): (typeof hdfsPlaces)[number][] {
  return hdfsPlaces.filter(({ server }) => lab.status()[server]!.status === 'running');
}
