import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { labBucket, s3Request } from '../../lab/s3Account.ts';
import { sftpFiles } from '../../lab/sftpKeys.ts';
import { openJourney, untilShown, type Journey, type RunAnswer } from './openJourney.ts';

/** Two clusters that write to the same places at the same time, and a place that is away for a while. */
const MiB = 1 << 20;
const clusters = ['prod', 'standby'] as const;
/** Where both keep their sets in one repository, and where each has one of its own: the name of one begins with that of the other. */
const types = ['local', 'obs', 'sftp'] as const;
const shared = types.map((type) => `${type}-shared`);
const ownOf = (cluster: string): string[] => types.map((type) => `${type}-${cluster}`);
vi.setConfig({ testTimeout: 240_000 });
let journey: Journey;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'hdfs-b', 's3-a', 'sftp'], ({ destinations, tasks }, folder) => {
    const bases = { local: { type: 'LocalDir', allowRootFileSystem: true }, obs: destinations['obs']!, sftp: destinations['onsftp']! };
    for (const type of types) {
      for (const [use, name] of [['shared', 'common'], ['prod', 'own'], ['standby', 'own-2']] as const) destinations[`${type}-${use}`] = { ...bases[type], path: type === 'local' ? join(folder, name) : name };
    }
    for (const cluster of clusters) {
      const source = { source: 'hdfs', instance: 'hacluster', paths: ['/mine'] };
      tasks[cluster] = { cluster, sources: [source], destinations: [...shared, ...ownOf(cluster)], limits: { bandwidth: '40MB/s' } };
    }
    tasks['patient'] = { ...tasks['prod'], destinations: ['local-shared', 'sftp-prod'], limits: { bandwidth: '6MB/s' } };
  });
  // Some of it the same on both, so that both write the same objects.
  for (const server of ['hdfs-a', 'hdfs-b']) for (const path of ['/mine', `/mine/${server}`]) await writeBulk(journey.lab, server, path, 2, 10 * MiB);
}, 240_000);
afterAll(async () => { await journey?.close(); });

async function expectWhole(setId: string, destination: string): Promise<void> {
  expect(await journey.product.json(['set', 'verify', setId, '--destination', destination, '--level', 'content']), `${setId} at ${destination}`).toMatchObject({ ok: true, damage: [] });
}

async function setsAt(destination: string): Promise<string[]> {
  return (await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', destination])).sets.map((each) => each.setId).sort();
}

/** What is nobody's any more: staging areas, temporary objects and unfinished uploads. */
async function leftovers(): Promise<string[]> {
  const data = sftpFiles(journey.lab.place('sftp')).data;
  const names = ['common', 'own', 'own-2'];
  const onSftp = (await Promise.all(names.map(async (name) => (await readdir(join(data, name), { recursive: true })).filter((each) => each.startsWith('staging/') || /^\.tmp\/./.test(each))))).flat();
  const listed = async (query?: string): Promise<string[]> => [...(await (await s3Request(journey.lab.place('s3-a'), 'GET', labBucket, query === undefined ? {} : { query })).text()).matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => match[1]!);
  const inBucket = [...(await listed()).filter((name) => /\/(staging|\.tmp)\//.test(name)), ...(await listed('uploads'))];
  return [...(await journey.leftovers(...names.map((name) => join(journey.folder, name)))), ...onSftp, ...inBucket];
}

describe('two clusters at the same time', () => {
  const made: Record<(typeof clusters)[number], string[]> = { prod: [], standby: [] };

  it.each(['full', 'incremental'])('back up into the same repositories, and into neighbours on the same servers: every set (%s) is whole, and nothing is left', async (kind) => {
    if (kind === 'incremental') for (const server of ['hdfs-a', 'hdfs-b']) await writeBulk(journey.lab, server, '/mine/more', 1, 5 * MiB);
    const runs = clusters.map((cluster) => journey.product.start(['task', 'run', cluster, '--output', 'json', '--quiet']));
    const outcomes = await Promise.all(runs.map(async ({ answer }) => (await answer).json<RunAnswer>()));
    clusters.forEach((cluster, i) => {
      const outcome = outcomes[i]!;
      expect(outcome).toMatchObject({ outcome: 'sealed', failures: [], sources: [{ kind }] });
      expect(outcome.destinations.map(({ name, state }) => [name, state])).toEqual([...shared, ...ownOf(cluster)].map((name) => [name, 'sealed']));
      made[cluster].push(outcome.setIds[0]!);
    });
    expect(await leftovers()).toEqual([]);
  });

  it('leave each repository what belongs there, all of it whole', async () => {
    for (const destination of shared) {
      expect(await setsAt(destination)).toEqual(clusters.flatMap((cluster) => made[cluster]).sort());
      for (const setId of clusters.flatMap((cluster) => made[cluster])) await expectWhole(setId, destination);
    }
    for (const cluster of clusters) {
      for (const destination of ownOf(cluster)) {
        expect(await setsAt(destination)).toEqual([...made[cluster]].sort());
        for (const setId of made[cluster]) await expectWhole(setId, destination);
      }
    }
  });
});

describe('one of several destinations that dies in the middle and comes back', () => {
  it('is waited for, visibly, and completed by the same run', async () => {
    const { runId } = await journey.product.json<{ runId: string }>(['task', 'run', 'patient', '--full', '--detach']);
    await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.bytes > 0);
    await journey.lab.kill('sftp');
    await untilShown(journey.product, runId, (view) => view.waitingFor?.includes('sftp-prod') === true, 90);
    await journey.lab.up(['sftp']);
    const outcome = await journey.product.json<RunAnswer>(['run', 'watch', runId]);
    expect(outcome).toMatchObject({ outcome: 'sealed', failures: [] });
    expect(outcome.destinations.map(({ name, state }) => [name, state])).toEqual([['local-shared', 'sealed'], ['sftp-prod', 'sealed']]);
    for (const destination of ['local-shared', 'sftp-prod']) await expectWhole(outcome.setIds[0]!, destination);
    expect(await leftovers()).toEqual([]);
  });
});
