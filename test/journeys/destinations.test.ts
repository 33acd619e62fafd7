import { execFile } from 'node:child_process';
import { chmod, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { mountDisk, type MountedDisk } from './mountedDisk.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RestoreAnswer, type RunAnswer, type ShownRun } from './openJourney.ts';

const run = promisify(execFile);
const MiB = 1 << 20;
// A run waits up to half a minute between two tries, and machines are busy.
vi.setConfig({ testTimeout: 300_000 });
let journey: Journey;
const disks: Record<'small' | 'locked' | 'pulled' | 'first', MountedDisk> = {} as never;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'hdfs-b', 'dbservice'], async (config, folder) => {
    disks.small = await mountDisk(join(folder, 'small'), 44 * MiB);
    for (const name of ['locked', 'pulled', 'first'] as const) disks[name] = await mountDisk(join(folder, name), 400 * MiB);
    await writeFile(join(folder, 'a-file'), '');
    for (const name of ['key-one', 'key-two']) await writeFile(join(folder, name), name, { mode: 0o600 });
    const remote = config.destinations['onstandby']!;
    const local = (path: string, more = {}) => ({ type: 'LocalDir', path: join(folder, path), allowRootFileSystem: true, ...more });
    Object.assign(config.destinations, {
      small: { type: 'LocalDir', path: disks.small.path }, locked: { type: 'LocalDir', path: disks.locked.path }, first: { type: 'LocalDir', path: disks.first.path },
      // Beneath the mount is the root file system, which this one accepts: it must still not be written to.
      pulled: local('pulled/vault'),
      remote: { ...remote, path: '/remote' }, quota: { ...remote, path: '/quota' }, second: { ...remote, path: '/second' }, denied: { ...remote, path: '/denied', user: 'nobody' },
      file: local('a-file'), missing: local('not/there'),
      encrypted: local('encrypted', { encryption: { passphrase: { file: join(folder, 'key-one') } } }),
      inCluster: { type: 'LocalHDFS', cluster: 'prod', instance: 'hacluster', path: '/backups' },
    });
    const hdfs = { source: 'hdfs', instance: 'hacluster', paths: ['/bulk'] };
    const little = { ...hdfs, paths: ['/data'] };
    const task = (cluster: string, source: object, destinations: string[], more = {}) => ({ cluster, sources: [source], destinations, limits: { bandwidth: '20MB/s' }, ...more });
    for (const name of ['small', 'locked', 'pulled', 'remote', 'quota']) config.tasks[name] = task('prod', hdfs, [name]);
    for (const name of ['denied', 'file', 'missing', 'encrypted', 'inCluster']) config.tasks[name] = task('prod', little, [name]);
    config.tasks['both'] = task('prod', hdfs, ['first', 'second'], { policy: { patience: '5s' } });
    const database = config.clusters['prod']!.services['DBService']!['DBService']!;
    config.clusters['locked-out'] = { services: { DBService: { DBService: { ...database, password: { file: join(folder, 'key-one') } } } } };
    config.tasks['locked-out'] = { cluster: 'locked-out', sources: [{ source: 'dbservice' }], destinations: ['vault'] };
  });
  await makeSampleData(journey.lab, { files: 60, largeBytes: 2 * MiB, databases: ['hivemeta'], rows: 100 });
  await writeBulk(journey.lab, 'hdfs-a', '/bulk', 5, 24 * MiB);
}, 240_000);
afterAll(async () => {
  await journey?.product.down();
  for (const disk of Object.values(disks)) await disk.remove();
  await journey?.close();
});

async function start(task: string, ...more: string[]): Promise<string> {
  return (await journey.product.json<{ runId: string }>(['task', 'run', task, '--detach', ...more])).runId;
}

/** Whatever comes of a fault: a run that waits for ever would hold the source of all others. */
async function duringFault(runId: string, mend: () => Promise<void>, look: () => Promise<void>): Promise<void> {
  try {
    await look();
    await mend();
  } catch (error) {
    await mend().catch(() => undefined);
    await journey.product.run('run', 'cancel', runId, '--wait');
    throw error;
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until a first pack is stored below a folder, so that what happens next happens in mid-run. */
async function untilPacked(folder: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const names = await readdir(join(folder, 'packs'), { recursive: true }).catch(() => []);
    if (names.some((name) => /[0-9a-f]{64}/.test(name))) return;
    await sleep(50);
  }
  throw new Error(`nothing was stored in ${folder}`);
}

/** What an operator sees of a run that waits. */
async function untilWaiting(runId: string, code: string): Promise<ShownRun> {
  return await untilShown(journey.product, runId, (view) => view.waitingFor?.includes(code) === true);
}

async function expectSealed(runId: string, destination: string): Promise<RunAnswer> {
  const outcome = await journey.product.json<RunAnswer>(['run', 'watch', runId]);
  expect(outcome).toMatchObject({ outcome: 'sealed', failures: [] });
  expect(await journey.product.json(['set', 'verify', outcome.setIds[0]!, '--destination', destination, '--level', 'content'])).toMatchObject({ ok: true, damage: [] });
  return outcome;
}

/** The staging area and the temporary objects of a repository on HDFS. */
async function leftOnHdfs(server: string, root: string): Promise<string[]> {
  await using hdfs = journey.hdfs(server);
  const left: string[] = [];
  for (const folder of ['staging', '.tmp']) {
    if ((await hdfs.statusOrUndefined(`${root}/${folder}`)) === undefined) continue;
    for await (const page of hdfs.listPaged(`${root}/${folder}`)) left.push(...page.map((each) => `${folder}/${each.pathSuffix}`));
  }
  return left;
}

describe('in the middle of a run, a local disk', () => {
  it('fills up: the run waits, says for what, and goes on when there is space', async () => {
    const runId = await start('small');
    await duringFault(runId, () => disks.small.resize(200 * MiB), async () => {
      const { waitingFor, state } = await untilWaiting(runId, 'E_DESTINATION_FULL');
      expect(state).toBe('waiting');
      expect(waitingFor).toMatch(/^E_DESTINATION_FULL: ENOSPC at packs\/.* in destination small \(.*\); make space at the destination; the run goes on by itself \(copyShard, attempt \d+\)$/);
      const { sets } = await journey.product.json<{ sets: unknown[] }>(['set', 'list', '--destination', 'small']);
      expect(sets).toEqual([]);
    });
    await expectSealed(runId, 'small');
    expect(await journey.leftovers(disks.small.path)).toEqual([]);
  });

  it('becomes read-only: the same', async () => {
    const runId = await start('locked');
    await untilPacked(disks.locked.path);
    await duringFault(runId, () => disks.locked.setReadOnly(false), async () => {
      await disks.locked.setReadOnly(true);
      expect((await untilWaiting(runId, 'E_DESTINATION_READ_ONLY')).waitingFor).toContain('make the destination writable again');
    });
    await expectSealed(runId, 'locked');
    expect(await journey.leftovers(disks.locked.path)).toEqual([]);
  });

  it('is unmounted: nothing goes into the folder beneath, and the run goes on when it is mounted again', async () => {
    const runId = await start('pulled');
    await untilPacked(join(disks.pulled.path, 'vault'));
    await duringFault(runId, () => disks.pulled.mount(), async () => {
      await disks.pulled.unmount();
      expect((await untilWaiting(runId, 'E_DESTINATION_UNREACHABLE')).waitingFor).toMatch(/destination pulled .*was it unmounted or (replaced|moved)\?/);
      await sleep(4000);
      expect(await readdir(disks.pulled.path)).toEqual([]);
    });
    await expectSealed(runId, 'pulled');
    expect(await journey.leftovers(join(disks.pulled.path, 'vault'))).toEqual([]);
  });
});

describe('in the middle of a run, another cluster', () => {
  it('loses its NameNode for 20 s: the run waits and seals', async () => {
    const runId = await start('remote');
    await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.bytes > 20 * MiB);
    await duringFault(runId, () => journey.lab.up(['hdfs-b']), async () => {
      process.kill(journey.lab.status()['hdfs-b']!.pids['nameNode']!, 'SIGKILL');
      expect((await untilWaiting(runId, 'E_DESTINATION_UNREACHABLE')).waitingFor).toMatch(/destination remote .*check that the server is up/);
      await sleep(12_000);
    });
    await expectSealed(runId, 'remote');
    expect(await leftOnHdfs('hdfs-b', '/remote')).toEqual([]);
  });

  it('reaches its space quota: the run waits, and seals when it is lifted', async () => {
    await using hdfs = journey.hdfs('hdfs-b');
    await hdfs.mkdirs('/quota');
    const runId = await start('quota');
    await untilShown(journey.product, runId, (view) => view.phase === 'copy');
    await duringFault(runId, () => hdfs.setQuota('/quota', { space: -1 }), async () => {
      await hdfs.setQuota('/quota', { space: 1 * MiB });
      expect((await untilWaiting(runId, 'E_DESTINATION_FULL')).waitingFor).toMatch(/quota/i);
    });
    await expectSealed(runId, 'quota');
    expect(await leftOnHdfs('hdfs-b', '/quota')).toEqual([]);
  });
});

describe('a destination or source that is configured wrongly', () => {
  it('is refused at once with a code and a hint, and nothing is begun', async () => {
    await using a = journey.hdfs('hdfs-a');
    await using b = journey.hdfs('hdfs-b');
    await b.mkdirs('/denied', '755');
    const first = await journey.product.json<RunAnswer>(['task', 'run', 'encrypted']);
    expect(first.outcome).toBe('sealed');
    await rename(join(journey.folder, 'key-two'), join(journey.folder, 'key-one'));
    const snapshots = await snapshotsOf(a, '/data');
    const expected: Record<string, [exit: number, code: string, hint: RegExp]> = {
      file: [4, 'E_DESTINATION_PATH', /check the path/], missing: [4, 'E_DESTINATION_PATH', /check the path/], denied: [4, 'E_DESTINATION_DENIED', /user/],
      encrypted: [2, 'E_KEY', /passphrase/], 'locked-out': [4, 'E_PREFLIGHT', /password|user/],
    };
    const answers = await Promise.all(Object.keys(expected).map(async (task) => [task, await journey.product.run('task', 'run', task, '--output', 'json', '--quiet')] as const));
    for (const [task, answer] of answers) {
      const { error } = answer.json<{ error: { code: string; message: string; hint: string } }>();
      const [exit, code, hint] = expected[task]!;
      expect({ task, exit: answer.code, code: error.code }, error.message).toEqual({ task, exit, code });
      expect(error.hint, task).toMatch(hint);
      expect(`${answer.stdout}${answer.stderr}`).not.toContain('key-two');
    }
    expect(await snapshotsOf(a, '/data')).toEqual(snapshots);
    expect(await journey.leftovers(join(journey.folder, 'encrypted'))).toEqual([]);
    expect(await leftOnHdfs('hdfs-b', '/denied')).toEqual([]);
    expect(await b.statusOrUndefined('/denied/repository.json')).toBeUndefined();
    expect((await readdir(journey.folder)).includes('not')).toBe(false);
  });

  it('is refused to a user of the machine without rights', async () => {
    await chmod(journey.folder, 0o755);
    const main = fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url));
    const answer = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, main, 'set', 'list', '--destination', disks.locked.path, '--output', 'json'], { env: { PATH: process.env['PATH'], HOME: '/' } })
      .then(() => ({ code: 0, stdout: '' }), (error: { code: number; stdout: string }) => error);
    expect({ code: answer.code, error: (JSON.parse(answer.stdout) as { error: { code: string } }).error.code }).toEqual({ code: 4, error: 'E_DESTINATION_DENIED' });
  });
});

describe('one of several destinations', () => {
  it('is lost for good: the others seal, the loss is named, nothing half is listed, and the next run serves both', async () => {
    const runId = await start('both');
    await untilPacked(disks.first.path);
    await journey.lab.kill('hdfs-b');
    const partial = await journey.product.json<RunAnswer>(['run', 'watch', runId], [3]);
    expect(partial.outcome).toBe('partial');
    expect(partial.destinations.map(({ name, state, failure }) => [name, state, failure?.code])).toEqual([['first', 'sealed', undefined], ['second', 'failed', 'E_DESTINATION_UNREACHABLE']]);
    expect(partial.failures).toMatchObject([{ code: 'E_DESTINATION_UNREACHABLE', about: 'second', message: expect.stringContaining('given up') }]);
    expect(await journey.product.json(['set', 'verify', partial.setIds[0]!, '--destination', 'first', '--level', 'content'])).toMatchObject({ ok: true });
    await journey.lab.up(['hdfs-b']);
    const none = await journey.product.json<{ sets: unknown[] }>(['set', 'list', '--destination', 'second']);
    expect(none.sets).toEqual([]);
    const next = await journey.product.json<RunAnswer>(['task', 'run', 'both']);
    expect(next.outcome).toBe('sealed');
    expect(next.sources[0]).toMatchObject({ kind: 'full', fellBack: expect.stringContaining('second has no set of hdfs@hacluster yet') });
    for (const name of ['first', 'second']) expect(await journey.product.json(['set', 'verify', next.setIds[0]!, '--destination', name, '--level', 'content'])).toMatchObject({ ok: true });
    await using hdfs = journey.hdfs('hdfs-a');
    expect((await snapshotsOf(hdfs, '/bulk')).filter((each) => each.includes('.both.'))).toHaveLength(1);
  });

  it('cannot be used from the start: the same', async () => {
    await disks.first.unmount();
    const partial = await journey.product.json<RunAnswer>(['task', 'run', 'both'], [3]);
    await disks.first.mount();
    expect(partial.destinations.map(({ name, state, failure }) => [name, state, failure?.code]).sort()).toEqual([['first', 'failed', 'E_DESTINATION_PATH'], ['second', 'sealed', undefined]]);
    expect(partial.sources[0]!.kind).toBe('incremental');
  });
});

describe('a repository', () => {
  it('on the HDFS it protects is verified and restored from, and never contains itself', async () => {
    const outcome = await journey.product.json<RunAnswer>(['task', 'run', 'inCluster']);
    expect(await journey.product.json(['set', 'verify', outcome.setIds[0]!, '--destination', 'inCluster', '--level', 'content'])).toMatchObject({ ok: true });
    const { planId } = await journey.product.json<{ planId: string }>(['restoration', 'plan', outcome.setIds[0]!, '--to', 'prod', '--destination', 'inCluster', '--only', '/data/hostile', '--only', '/data/attributes']);
    const restored = await journey.product.json<RestoreAnswer>(['restoration', 'run', planId, '--yes']);
    expect(restored.outcome).toBe('restored');
    expect(restored.sources[0]).toMatchObject({ differences: 0, missing: 0 });
    expect(await leftOnHdfs('hdfs-a', '/backups')).toEqual([]);

    const around = join(journey.folder, 'around.yaml');
    await writeFile(around, `clusters: { prod: { services: { HDFS: { hacluster: { webhdfs: ["${journey.lab.endpoints('hdfs-a')['webhdfs']}"], user: root } } } } }
destinations: { own: { type: LocalHDFS, cluster: prod, instance: hacluster, path: /data/backups } }
tasks: { t: { cluster: prod, sources: [{ source: hdfs, instance: hacluster, paths: [/data] }], destinations: [own] } }
`);
    const refused = await journey.product.run('config', 'check', '--config', around);
    expect(refused.code).toBe(2);
    expect(`${refused.stdout}${refused.stderr}`).toContain('/data contains the destination own');
  });
});
