import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectDbservice, passwordFile, postgresBinaries } from '../lab/dbservice.ts';
import type { Lab } from '../lab/lab.ts';
import type { Product } from '../lab/product.ts';
import { databaseDigest } from './databaseDigest.ts';
import { databaseDifferences } from './differences.ts';
import type { Expected } from './writtenSource.ts';

export interface ExtractScene {
  readonly lab: Lab;
  readonly product: Product;
  readonly toolsFolder: string;
  /** A folder of ours. */
  readonly folder: string;
}

const run = promisify(execFile);
/** Where dumps are loaded to be looked at: beside the databases they are dumps of. */
const server = 'dbservice';

/** Takes a whole set out of the repository into a local folder, without cluster or engine, and judges it by what was written: bytes, and dumps as PostgreSQL loads them. */
export async function judgeExtracted(scene: ExtractScene, setId: string, expected: Expected): Promise<string[]> {
  const out = join(scene.folder, 'extracted');
  await rm(out, { recursive: true, force: true });
  try {
    await scene.product.json(['set', 'extract', setId, 'hdfs@hacluster', '/data', '--to', out, '--destination', 'vault']);
    await scene.product.json(['set', 'extract', setId, 'dbservice', 'databases', '--to', out, '--destination', 'vault']);
    return [...(await judgeFiles(out, expected)), ...(await judgeDumps(scene, out, expected))];
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

async function judgeFiles(out: string, expected: Expected): Promise<string[]> {
  const found: string[] = [];
  for (const [path, wanted] of expected.files) {
    const there = await stat(join(out, path)).catch(() => undefined);
    if (there === undefined) found.push(`set: lost ${path}`);
    else if (there.isDirectory() !== wanted.directory) found.push(`set: ${path} is of another type`);
    else if (!wanted.directory && (await digestOf(join(out, path))) !== wanted.sha256) found.push(`set: wrong bytes in ${path}`);
  }
  const names = await readdir(join(out, 'data'), { recursive: true });
  for (const name of names) if (!expected.files.has(`/data/${name}`)) found.push(`set: /data/${name} was never written`);
  return found.slice(0, 6);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return hash.digest('hex');
}

async function judgeDumps(scene: ExtractScene, out: string, expected: Expected): Promise<string[]> {
  const digests = new Map<string, string>();
  for (const name of expected.databases.keys()) digests.set(name, await loaded(scene, join(out, 'databases', name, 'dump'), `judged_${name}`));
  return databaseDifferences('set', digests, expected.databases);
}

/** Loads a dump by pg_restore alone. */
async function loaded(scene: ExtractScene, dump: string, database: string): Promise<string> {
  const place = scene.lab.place(server);
  const admin = await connectDbservice(place);
  try {
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${database} TEMPLATE template0`);
    await run(join(postgresBinaries(scene.toolsFolder), 'pg_restore'), ['--format=directory', '--no-owner', '--no-privileges', '--exit-on-error', '--host=127.0.0.1', `--port=${place.ports['port']}`, '--username=postgres', `--dbname=${database}`, dump], {
      env: { ...process.env, PGPASSWORD: readFileSync(passwordFile(place), 'utf8') },
    });
    const client = await connectDbservice(place, database);
    return await databaseDigest(client).finally(() => client.end());
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`).finally(() => admin.end());
  }
}
