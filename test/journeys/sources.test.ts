import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectDbservice } from '../../lab/dbservice.ts';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { hostileNames } from '../../lab/sampleHdfs.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RestoreAnswer, type RunAnswer } from './openJourney.ts';
import { plantGaps } from './plantGaps.ts';

const MiB = 1 << 20;
// A run waits up to half a minute between two tries, and machines are busy.
vi.setConfig({ testTimeout: 300_000 });
let journey: Journey;
let hdfs: WebHdfs;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'dbservice'], async (config) => {
    const hdfsOf = (path: string) => ({ source: 'hdfs', instance: 'hacluster', paths: [path] });
    const task = (...sources: object[]) => ({ cluster: 'prod', sources, destinations: ['vault'], limits: { bandwidth: '8MB/s' } });
    for (const name of ['bulk', 'open', 'gaps', 'names']) config.tasks[name] = task(hdfsOf(`/${name}`));
    config.tasks['tables'] = task({ source: 'dbservice', databases: ['oozie'] });
    config.tasks['mixed'] = task(hdfsOf('/data'), { source: 'dbservice', databases: ['huemeta'] });
  }, (lab) => plantGaps(lab, 'hdfs-a', '/gaps', '/data/target'));
  // A writer that pauses for whole runs is no stalled one.
  hdfs = createWebHdfs({ urls: [journey.lab.endpoints('hdfs-a')['webhdfs']!], user: userInfo().username, stallMs: 3_600_000 });
  await makeSampleData(journey.lab, { files: 1, largeBytes: 0, databases: ['huemeta', 'oozie'], rows: 100 });
  await writeBulk(journey.lab, 'hdfs-a', '/bulk/part', 4, 24 * MiB);
}, 240_000);
afterAll(async () => {
  await hdfs?.[Symbol.asyncDispose]();
  await journey?.close();
});

async function start(task: string, ...more: string[]): Promise<string> {
  const { runId } = await journey.product.json<{ runId: string }>(['task', 'run', task, '--detach', ...more]);
  return runId;
}

async function outcomeOf(runId: string, code = 0): Promise<RunAnswer> {
  return await journey.product.json<RunAnswer>(['run', 'watch', runId], [code]);
}

async function bytesOf(path: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of hdfs.open(path, 0, (await hdfs.status(path)).length)) parts.push(part);
  return Buffer.concat(parts);
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The bytes of one file in a set, taken out with the command. */
async function extracted(setId: string, key: string): Promise<Buffer> {
  const to = join(journey.folder, `out-${Math.random().toString(36).slice(2)}`);
  await journey.product.json(['set', 'extract', setId, 'hdfs', key, '--to', to, '--destination', 'vault']);
  return await readFile(join(to, key));
}

describe('while HDFS is backed up', () => {
  it('files change, a folder is renamed, and the set shows the moment it began with', async () => {
    const before = digest(await bytesOf('/bulk/part/part-0003'));
    const runId = await start('bulk');
    await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.bytes > 0);
    await hdfs.create('/bulk/part/part-0003', [Buffer.from('other')], { overwrite: true });
    await hdfs.delete('/bulk/part/part-0002');
    await hdfs.rename('/bulk/part', '/bulk/renamed');
    // The selected directory itself has snapshots: HDFS lets nobody take it away.
    await expect(hdfs.rename('/bulk', '/elsewhere')).rejects.toMatchObject({ kind: 'snapshot' });
    const outcome = await outcomeOf(runId);
    expect(outcome).toMatchObject({ outcome: 'sealed', sources: [{ files: 4, bytes: 96 * MiB }] });
    expect(digest(await extracted(outcome.setIds[0]!, '/bulk/part/part-0003'))).toBe(before);
  });

  it('its snapshot is deleted by hand: another is taken, and the report says that it is a later one', async () => {
    const older = await snapshotsOf(hdfs, '/bulk');
    const runId = await start('bulk', '--full');
    await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.bytes > 0);
    for (const name of await snapshotsOf(hdfs, '/bulk')) if (!older.includes(name)) await hdfs.deleteSnapshot('/bulk', name);
    const outcome = await outcomeOf(runId);
    expect(outcome.outcome).toBe('sealed');
    expect(outcome.sources[0]!.warnings.join('\n')).toMatch(/the point in time of .* was lost \(.*snapshot .* is gone\); taken again at /);
    expect(await journey.product.json(['set', 'verify', outcome.setIds[0]!, '--destination', 'vault', '--level', 'content'])).toMatchObject({ ok: true });
  });

  it('the snapshot of its parent is gone: everything is listed, said aloud, and nothing is read again', async () => {
    for (const name of await snapshotsOf(hdfs, '/bulk')) await hdfs.deleteSnapshot('/bulk', name);
    const { sources } = await outcomeOf(await start('bulk'));
    expect(sources[0]).toMatchObject({ kind: 'full', readBytes: 0, fellBack: expect.stringMatching(/cannot compare \/bulk with the snapshot mrs-backup\./) });
  });

  it('a file is open for writing over three runs: each says so and has what the snapshot shows; closed, no byte is missing', async () => {
    await hdfs.mkdirs('/open');
    const parts = ['one', 'two', 'three'].map((word) => Buffer.alloc(3 * MiB, `${word} `));
    const gates = parts.map(() => Promise.withResolvers<void>());
    const writing = hdfs.create('/open/log', (async function* () {
      for (const [index, part] of parts.entries()) {
        yield part;
        await gates[index]!.promise;
      }
    })(), { blockSize: MiB });
    const lengths: number[] = [];
    for (const gate of gates) {
      for (let tries = 0; tries < 100 && ((await hdfs.statusOrUndefined('/open/log'))?.length ?? 0) <= (lengths.at(-1) ?? 0); tries++) await new Promise((resolve) => setTimeout(resolve, 50));
      const outcome = await outcomeOf(await start('open'));
      expect(outcome.outcome).toBe('sealed');
      const said = outcome.sources[0]!.warnings.find((line) => line.startsWith('/open/log was open for writing'));
      expect(said).toMatch(/the set has the \d+ bytes its snapshot shows/);
      lengths.push((await extracted(outcome.setIds[0]!, '/open/log')).length);
      const shown = await journey.product.json<{ sources: { warnings: string[] }[] }>(['set', 'show', outcome.setIds[0]!, '--destination', 'vault']);
      expect(shown.sources[0]!.warnings).toContain(said);
      gate.resolve();
    }
    await writing;
    expect(lengths[2]).toBeGreaterThan(lengths[0]!);
    const closed = await outcomeOf(await start('open'));
    expect(closed.sources[0]).toMatchObject({ kind: 'incremental', warnings: [] });
    expect(digest(await extracted(closed.setIds[0]!, '/open/log'))).toBe(digest(Buffer.concat(parts)));
  });
});

describe('while a database is backed up', () => {
  const lock = async (database: string) => {
    const client = await connectDbservice(journey.lab.place('dbservice'), database);
    await client.query('begin; lock table sample.kinds in access exclusive mode');
    return client;
  };

  it('a table is held exclusively: the run waits, says so, and goes on', async () => {
    const holder = await lock('oozie');
    const runId = await start('tables');
    try {
      const { waitingFor } = await untilShown(journey.product, runId, (view) => view.waitingFor?.includes('lock timeout') === true);
      expect(waitingFor).toMatch(/^E_SOURCE_UNREACHABLE: .*oozie.*a session holds a table exclusively.*goes on by itself/);
    } finally {
      await holder.end();
    }
    expect((await outcomeOf(runId)).outcome).toBe('sealed');
    expect(await journey.leftovers()).toEqual([]);
  });

  it('it is dropped: that source fails with its name, the others are sealed', async () => {
    const holder = await lock('huemeta');
    const runId = await start('mixed');
    await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.files > 0);
    const admin = await connectDbservice(journey.lab.place('dbservice'));
    await admin.query('drop database huemeta with (force)');
    await admin.end();
    await holder.end().catch(() => undefined);
    const outcome = await outcomeOf(runId, 3);
    expect(outcome.outcome).toBe('partial');
    expect(outcome.sources.map((each) => each.source)).toEqual(['hdfs']);
    expect(outcome.failures).toMatchObject([{ code: 'E_SOURCE_PATH', about: 'dbservice@DBService', message: expect.stringContaining('huemeta') }]);
    expect(await journey.leftovers()).toEqual([]);
  });
});

describe('what cannot be carried', () => {
  it('symbolic links and encryption zones are named by the backup, the set and the plan of a restoration', async () => {
    await hdfs.mkdirs('/gaps/zone/below');
    const link = '/gaps/link: a symbolic link to /data/target: HDFS refuses to create symbolic links, so it cannot be restored';
    const zone = '/gaps/zone: in an encryption zone: its plain content must not leave the cluster';
    const outcome = await outcomeOf(await start('gaps'), 3);
    expect(outcome.outcome).toBe('partial');
    expect(outcome.sources[0]!.warnings).toEqual([link, zone]);
    const text = await journey.product.run('run', 'watch', outcome.runId, '--quiet');
    expect(text.stdout).toContain(`hdfs@hacluster: ${link}\n`);
    const shown = await journey.product.json<{ sources: { warnings: string[] }[] }>(['set', 'show', outcome.setIds[0]!, '--destination', 'vault']);
    expect(shown.sources[0]!.warnings).toEqual([link, zone]);
    const plan = await journey.product.json<{ planId: string; losses: string[] }>(['restoration', 'plan', outcome.setIds[0]!, '--to', 'prod', '--destination', 'vault']);
    expect(plan.losses).toEqual(expect.arrayContaining([`hdfs@hacluster: not restored: ${link}`, `hdfs@hacluster: not restored: ${zone}`]));
    const restored = await journey.product.json<RestoreAnswer>(['restoration', 'run', plan.planId, '--yes'], [3]);
    expect(restored.sources[0]).toMatchObject({ missing: 2, differences: 0, missingNames: expect.arrayContaining([link, zone]) });

    // An increment knows them still, also under another name.
    await hdfs.rename('/gaps/link', '/gaps/moved');
    const next = await outcomeOf(await start('gaps'), 3);
    expect(next.sources[0]).toMatchObject({ kind: 'incremental', warnings: [link.replace('/gaps/link', '/gaps/moved'), zone].sort() });
  });
});

describe('names and attributes', () => {
  const deep = `/names/${Array.from({ length: 31 }, (_, level) => `${level}`.padEnd(250, 'd')).join('/')}`;
  const hostile = [...hostileNames, 'new\nline', '\u202Ertl', "'; rm -rf ~", '$(id)', `${'é'.repeat(127)}x`, 'x'.repeat(255)];

  /** All of a path that a client can see, without what differs by nature (ids, times of reading). */
  async function everything(path: string): Promise<unknown> {
    const { fileId: _id, accessTime, modificationTime, pathSuffix: _name, snapshotEnabled: _snapshots, childrenNum: _children, ...status } = await hdfs.status(path);
    const quota = status.type === 'DIRECTORY' ? await hdfs.quotaUsage(path) : undefined;
    const file = status.type === 'FILE';
    return {
      ...status, modificationTime, accessTime: file ? accessTime : 0, acl: await hdfs.acl(path), xattrs: await hdfs.xattrs(path),
      quota: quota === undefined ? undefined : [quota.quota, quota.spaceQuota, quota.typeQuota], content: file ? digest(await bytesOf(path)) : undefined,
    };
  }

  async function topLevel(): Promise<string[]> {
    const names: string[] = [];
    for await (const page of hdfs.listPaged('/')) names.push(...page.map((each) => each.pathSuffix));
    return names;
  }

  async function makeNames(): Promise<string[]> {
    await hdfs.mkdirs('/names/odd');
    for (const name of hostile) await hdfs.create(`/names/odd/${name}`, [Buffer.from(name)], { overwrite: true });
    await hdfs.mkdirs(deep);
    const bottom = `${deep}/${'b'.repeat(7_900 - deep.length - 1)}`;
    await hdfs.create(bottom, [Buffer.from('bottom')]);
    await hdfs.mkdirs('/names/folder');
    await hdfs.create('/names/folder/file', [Buffer.alloc(5000, 'x')], { blockSize: 4096, replication: 3 });
    const acl = (file: boolean) => `user::rwx,user:alice:r-x,group::r-x,group:auditors:--x,mask::r-x,other::---${file ? '' : ',default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::---'}`;
    for (const path of ['/names/folder', '/names/folder/file']) {
      await hdfs.setOwner(path, 'hive', 'analysts');
      await hdfs.setPermission(path, path === '/names/folder' ? '1750' : '750');
      await hdfs.setAcl(path, acl(path !== '/names/folder'));
      await hdfs.setXattr(path, 'user.bytes', '00ff10');
      await hdfs.setXattr(path, 'user.empty', '');
      await hdfs.setXattr(path, 'trusted.t', 'aa');
      await hdfs.setStoragePolicy(path, path === '/names/folder' ? 'WARM' : 'ALL_SSD');
    }
    await hdfs.setQuota('/names/folder', { namespace: 50, space: 2e9 });
    await hdfs.setQuotaByType('/names/folder', 'SSD', 1e9);
    await hdfs.mkdirs('/names/coded');
    await hdfs.setEcPolicy('/names/coded', 'RS-6-3-1024k');
    await hdfs.setTimes('/names/folder/file', Date.UTC(2001, 1, 3), Date.UTC(2002, 1, 3));
    await hdfs.setTimes('/names/folder', Date.UTC(2003, 1, 3), undefined);
    return ['/names', '/names/odd', ...hostile.map((name) => `/names/odd/${name}`), bottom, '/names/folder', '/names/folder/file', '/names/coded'];
  }

  it('come back beside, in place and as files, byte for byte', async () => {
    const paths = await makeNames();
    const outcome = await outcomeOf(await start('names'));
    expect(outcome).toMatchObject({ outcome: 'sealed', sources: [{ gaps: 0, warnings: [] }] });
    const setId = outcome.setIds[0]!;
    // Looked at only now: a snapshot gives its directory a new modification time.
    const before = new Map<string, unknown>();
    for (const path of paths) before.set(path, await everything(path));

    const beside = await journey.product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', 'vault']);
    expect(await journey.product.json<RestoreAnswer>(['restoration', 'run', beside.planId, '--yes'])).toMatchObject({ outcome: 'restored', sources: [{ differences: 0, missing: 0 }] });
    const restored = (await topLevel()).find((name) => name.startsWith('names.restored-'));
    for (const [path, was] of before) expect(await everything(path.replace('/names', `/${restored}`)), path).toEqual(was);

    await hdfs.delete('/names/odd', { recursive: true });
    await hdfs.setPermission('/names/folder', '700');
    const inPlace = await journey.product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', 'vault', '--in-place']);
    expect(await journey.product.json<RestoreAnswer>(['restoration', 'run', inPlace.planId, '--yes'])).toMatchObject({ outcome: 'restored', sources: [{ differences: 0, missing: 0 }] });
    for (const [path, was] of before) expect(await everything(path), path).toEqual(was);

    const to = join(journey.folder, 'extracted');
    const result = await journey.product.json<{ failed: { key: string; reason: string }[] }>(['set', 'extract', setId, 'hdfs', '/names', '--to', to, '--destination', 'vault'], [3]);
    for (const name of hostile) expect((await readFile(join(to, 'names', 'odd', name))).toString(), name).toBe(name);
    // Only what no local path can hold stays out, by name.
    expect(result.failed.map((each) => each.key).every((key) => key.length > 3900 && key.startsWith('/names/0'))).toBe(true);
    expect(result.failed.map((each) => each.reason).join()).toMatch(/its path would have \d+ bytes/);
  });
});
