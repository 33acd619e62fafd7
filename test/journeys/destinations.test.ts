import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { mountDisk, type MountedDisk } from './mountedDisk.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RestoreAnswer, type RunAnswer } from './openJourney.ts';
import { runsOf } from './runsOf.ts';

const MiB = 1 << 20;
// A run waits up to half a minute between two tries, and machines are busy.
vi.setConfig({ testTimeout: 300_000 });
let journey: Journey;
let first: MountedDisk;
const { start, untilWaiting, duringFault, expectSealed, untilPacked } = runsOf(() => journey);

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'hdfs-b', 'dbservice'], async (config, folder) => {
    first = await mountDisk(join(folder, 'first'), 400 * MiB);
    await writeFile(join(folder, 'a-file'), '');
    for (const name of ['key-one', 'key-two']) await writeFile(join(folder, name), name, { mode: 0o600 });
    const remote = config.destinations['onstandby']!;
    const local = (path: string, more = {}) => ({ type: 'LocalDir', path: join(folder, path), allowRootFileSystem: true, ...more });
    Object.assign(config.destinations, {
      first: { type: 'LocalDir', path: first.path },
      remote: { ...remote, path: '/remote' }, quota: { ...remote, path: '/quota' }, second: { ...remote, path: '/second' }, denied: { ...remote, path: '/denied', user: 'nobody' },
      file: local('a-file'), missing: local('not/there'),
      away: { type: 'SFTP', host: '127.0.0.1', port: 1, user: 'u', path: 'p', password: { file: join(folder, 'key-one') }, hostKey: `SHA256:${'a'.repeat(43)}` },
      encrypted: local('encrypted', { encryption: { passphrase: { file: join(folder, 'key-one') } } }),
      beside: local('beside'),
      inCluster: { type: 'LocalHDFS', cluster: 'prod', instance: 'hacluster', path: '/backups' },
    });
    const hdfs = { source: 'hdfs', instance: 'hacluster', paths: ['/bulk'] };
    const little = { ...hdfs, paths: ['/data'] };
    const task = (cluster: string, source: object, destinations: string[], more = {}) => ({ cluster, sources: [source], destinations, limits: { bandwidth: '20MB/s' }, ...more });
    for (const name of ['remote', 'quota']) config.tasks[name] = task('prod', hdfs, [name]);
    for (const name of ['denied', 'file', 'missing', 'encrypted', 'inCluster']) config.tasks[name] = task('prod', little, [name]);
    config.tasks['both'] = task('prod', hdfs, ['first', 'second'], { policy: { patience: '5s' } });
    config.tasks['one-away'] = task('prod', little, ['away', 'beside'], { policy: { patience: '5s' } });
    const database = config.clusters['prod']!.services['DBService']!['DBService']!;
    config.clusters['locked-out'] = { services: { DBService: { DBService: { ...database, password: { file: join(folder, 'key-one') } } } } };
    config.tasks['locked-out'] = { cluster: 'locked-out', sources: [{ source: 'dbservice' }], destinations: ['vault'] };
  });
  await makeSampleData(journey.lab, { files: 60, largeBytes: 2 * MiB, databases: ['hivemeta'], rows: 100 });
  await writeBulk(journey.lab, 'hdfs-a', '/bulk', 5, 24 * MiB);
}, 240_000);
afterAll(async () => {
  await journey?.product.down();
  await first?.remove();
  await journey?.close();
});

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

describe('in the middle of a run, another cluster', () => {
  it('loses its NameNode for several tries: the run waits and seals', async () => {
    const runId = await start('remote');
    await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.bytes > 20 * MiB);
    await duringFault(runId, () => journey.lab.up(['hdfs-b']), async () => {
      process.kill(journey.lab.status()['hdfs-b']!.pids['nameNode']!, 'SIGKILL');
      expect((await untilWaiting(runId, 'E_DESTINATION_UNREACHABLE', 4)).waitingFor).toMatch(/destination remote .*check that the server is up/);
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

describe('a destination of several that is away before the run begins', () => {
  it('is waited for as long as the task says, then the other one seals', async () => {
    const { outcome, destinations, failures } = await journey.product.json<RunAnswer & { failures: object[] }>(['task', 'run', 'one-away'], [3]);
    const givenUp = { code: 'E_DESTINATION_UNREACHABLE', message: expect.stringMatching(/given up after \d+ s \(policy\.patience/) };
    expect({ outcome, destinations, failures }).toMatchObject({ outcome: 'partial', destinations: [{ name: 'beside', state: 'sealed' }, { name: 'away', state: 'failed', failure: givenUp }], failures: [givenUp] });
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
      file: [4, 'E_DESTINATION_PATH', /check the path/], missing: [4, 'E_DESTINATION_PATH', /is the disk mounted/], denied: [4, 'E_DESTINATION_DENIED', /user/],
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
});

describe('one of several destinations', () => {
  it('is lost for good: the others seal, the loss is named, nothing half is listed, and the next run serves both', async () => {
    const runId = await start('both');
    await untilPacked(first.path);
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
    await first.unmount();
    const partial = await journey.product.json<RunAnswer>(['task', 'run', 'both'], [3]);
    await first.mount();
    expect(partial.destinations.map(({ name, state, failure }) => [name, state, failure?.code]).sort()).toEqual([['first', 'failed', 'E_DESTINATION_PATH'], ['second', 'sealed', undefined]]);
    expect(partial.sources[0]!.kind).toBe('incremental');
  });

  it('that lacks a set gets it from another one, and what follows is an increment at both again', async () => {
    const { sets } = await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'second']);
    const { setId } = sets.at(-1)!;
    await journey.product.json(['set', 'show', setId, '--destination', 'first'], [2, 3, 4]);
    const copy = ['set', 'copy', setId, '--from', 'second', '--to', 'first'];
    const plan = await journey.product.json<{ objects: number; copiedObjects: number; copiedBytes: number }>([...copy, '--dry-run']);
    expect(plan).toMatchObject({ dryRun: true, verified: null });
    // The packs of the set before it are there.
    expect(plan.copiedObjects).toBeLessThan(plan.objects);
    expect(await journey.product.json(copy)).toMatchObject({ setId, from: 'second', to: 'first', copiedBytes: plan.copiedBytes, verified: { level: 'stored', ok: true, damage: 0 } });
    expect(await journey.product.json(['set', 'verify', setId, '--destination', 'first', '--level', 'content'])).toMatchObject({ ok: true });
    const next = await journey.product.json<RunAnswer>(['task', 'run', 'both']);
    expect(next.outcome).toBe('sealed');
    expect(next.sources[0]).toMatchObject({ kind: 'incremental' });
    expect(next.sources[0]).not.toHaveProperty('fellBack');
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
