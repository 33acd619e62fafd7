import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';
import { connectDbservice, databases } from '../lab/dbservice.ts';
import type { Lab } from '../lab/lab.ts';
import { changeDatabase, fillDatabase } from '../lab/sampleDatabase.ts';
import { sampleBytes } from '../lab/sampleHdfs.ts';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../protocols/webhdfs/webHdfs.ts';
import { databaseDigest } from './databaseDigest.ts';
import { seeded } from './seeded.ts';
import { WebHdfsTree, type TreeEntry } from './webHdfsTree.ts';

export interface SourceSize {
  readonly smallFiles: number;
  readonly bulkFiles: number;
  readonly bulkBytes: number;
  readonly rows: number;
}

/** What a set must hold: everything that was written, by whoever wrote it. */
export interface Expected {
  /** By path; the digests are those of the bytes that were written. */
  readonly files: ReadonlyMap<string, TreeEntry>;
  /** Digest of the rows, by database. */
  readonly databases: ReadonlyMap<string, string>;
}

/** Where the storm writes in HDFS; what the lab's task backs up. */
const root = '/data';
const user = userInfo().username;
/** Small blocks, so that what a DataNode counts is near to what it gave. */
const blockSize = 1 << 20;

interface Content {
  readonly length: number;
  readonly sha256: string;
}

/** The source of all rounds, and the memory of what was written into it. */
export class WrittenSource {
  readonly #lab: Lab;
  readonly #seed: string;
  readonly #size: SourceSize;
  readonly #written = new Map<string, Content>();
  /** Bytes of files written by the last fill or change. */
  changedBytes = 0;

  constructor(lab: Lab, seed: string, size: SourceSize) {
    this.#lab = lab;
    this.#seed = seed;
    this.#size = size;
  }

  async fill(): Promise<void> {
    await using hdfs = this.#hdfs();
    await hdfs.mkdirs(`${root}/empty folder`);
    const { smallFiles, bulkFiles, bulkBytes, rows } = this.#size;
    await eightAtOnce(smallFiles, (index) => this.#write(hdfs, `${root}/many/d${index % 5}/f ${index}%`, (index * 37) % 5000, 'first'));
    await eightAtOnce(bulkFiles, (index) => this.#write(hdfs, `${root}/bulk/part-${index}`, bulkBytes, 'first'));
    for (const [name, { owner }] of Object.entries(databases)) {
      const client = await connectDbservice(this.#lab.place('dbservice'), name);
      await fillDatabase(client, owner, rows).finally(() => client.end());
    }
  }

  /** What a day brings, chosen by the seed. */
  async change(round: number): Promise<void> {
    const chance = seeded(this.#seed, round, 'change');
    this.changedBytes = 0;
    await using hdfs = this.#hdfs();
    const paths = () => [...this.#written.keys()];
    for (let index = 0; index < 4; index++) await this.#write(hdfs, chance.one(paths().filter((path) => path.includes('/many/'))), chance.whole(0, 9000), `changed ${round}`);
    for (let index = 0; index < 2; index++) await this.#write(hdfs, chance.one(paths().filter((path) => path.includes('/bulk/'))), this.#size.bulkBytes + chance.whole(-5000, 5000), `changed ${round}`);
    await this.#write(hdfs, `${root}/new/round ${round}`, chance.whole(1, 100_000), 'new');
    // As many come as go: a long storm must not run out of files.
    await this.#write(hdfs, `${root}/many/d${round % 5}/day ${round}`, chance.whole(0, 5000), 'new');
    const gone = chance.one(paths().filter((path) => path.includes('/many/')));
    await hdfs.delete(gone);
    this.#written.delete(gone);
    const from = chance.one(paths());
    const to = `${from.replace(/ moved \d+$/, '')} moved ${round}`;
    await hdfs.rename(from, to);
    this.#written.set(to, this.#written.get(from)!);
    this.#written.delete(from);
    await hdfs.setPermission(chance.one(paths()), chance.one(['600', '640', '664']));
    const database = chance.one(Object.keys(databases));
    const client = await connectDbservice(this.#lab.place('dbservice'), database);
    await changeDatabase(client).finally(() => client.end());
  }

  /** What an operator does by mistake; none of it is remembered, for all of it is to be undone. */
  async damage(round: number): Promise<void> {
    const chance = seeded(this.#seed, round, 'damage');
    await using hdfs = this.#hdfs();
    await hdfs.delete(`${root}/${chance.one(['many/d1', 'bulk', 'new'])}`, { recursive: true });
    await hdfs.create(chance.one([...this.#written.keys()]), [Buffer.from('spoilt')], { overwrite: true });
    await hdfs.create(`${root}/stray`, [Buffer.from('stray')], { overwrite: true });
    const client = await connectDbservice(this.#lab.place('dbservice'));
    await client.query(`DROP DATABASE ${chance.one(Object.keys(databases))} WITH (FORCE)`).finally(() => client.end());
  }

  /** What there is now by what was written. @throws Error when the server has other files than were written */
  async expected(): Promise<Expected> {
    const files = new Map<string, TreeEntry>();
    for (const [path, entry] of await new WebHdfsTree(this.#lab.endpoints('hdfs-a')['webhdfs']!).read(root, false)) {
      const written = this.#written.get(path);
      if (!entry.directory && (written === undefined || written.length !== entry.length)) throw new Error(`${path} is not what the storm wrote`);
      files.set(path, written === undefined ? entry : { ...entry, sha256: written.sha256 });
    }
    for (const path of this.#written.keys()) if (!files.has(path)) throw new Error(`${path}, which the storm wrote, is not there`);
    const digests = new Map<string, string>();
    for (const name of Object.keys(databases)) {
      const client = await connectDbservice(this.#lab.place('dbservice'), name);
      digests.set(name, await databaseDigest(client).finally(() => client.end()));
    }
    return { files, databases: digests };
  }

  #hdfs(): WebHdfs {
    return createWebHdfs({ urls: [this.#lab.endpoints('hdfs-a')['webhdfs']!], user });
  }

  async #write(hdfs: WebHdfs, path: string, length: number, version: string): Promise<void> {
    const bytes = [...sampleBytes(`${this.#seed} ${path} ${version}`, length)];
    await hdfs.create(path, bytes, { overwrite: true, length, blockSize });
    this.changedBytes += length;
    this.#written.set(path, { length, sha256: bytes.reduce((hash, each) => hash.update(each), createHash('sha256')).digest('hex') });
  }
}

async function eightAtOnce(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: 8 }, async () => { while (next < count) await work(next++); }));
}
