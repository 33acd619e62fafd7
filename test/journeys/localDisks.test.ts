import { execFile } from 'node:child_process';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { mountQuotaDisk, type QuotaDisk } from '../servers/quotaDisk.ts';
import { mountDisk, type MountedDisk } from './mountedDisk.ts';
import { openJourney, type Journey } from './openJourney.ts';
import { runsOf } from './runsOf.ts';

const run = promisify(execFile);
const MiB = 1 << 20;
// A run waits up to half a minute between two tries, and machines are busy.
vi.setConfig({ testTimeout: 300_000 });
let journey: Journey;
const disks: Record<'small' | 'locked' | 'pulled', MountedDisk> = {} as never;
let quota: QuotaDisk | undefined;
const { start, untilWaiting, duringFault, expectSealed, untilPacked } = runsOf(() => journey);

beforeAll(async () => {
  journey = await openJourney(['hdfs-a'], async ({ destinations, tasks }, folder) => {
    disks.small = await mountDisk(join(folder, 'small'), 44 * MiB);
    for (const name of ['locked', 'pulled'] as const) disks[name] = await mountDisk(join(folder, name), 400 * MiB);
    for (const name of ['small', 'locked'] as const) destinations[name] = { type: 'LocalDir', path: disks[name].path };
    // Beneath the mount is the root file system, which this one accepts: it must still not be written to.
    destinations['pulled'] = { type: 'LocalDir', path: join(folder, 'pulled/vault'), allowRootFileSystem: true };
    quota = await mountQuotaDisk(join(folder, 'quota'));
    await quota.limit(8 * MiB);
    destinations['quota'] = { type: 'LocalDir', path: quota.path };
    tasks['quota'] = { cluster: 'prod', sources: [{ source: 'hdfs', instance: 'hacluster', paths: ['/few'] }], destinations: ['quota'] };
    for (const name of Object.keys(disks)) tasks[name] = { cluster: 'prod', sources: [{ source: 'hdfs', instance: 'hacluster', paths: ['/bulk'] }], destinations: [name], limits: { bandwidth: '20MB/s' } };
  });
  await writeBulk(journey.lab, 'hdfs-a', '/bulk', 5, 24 * MiB);
  await writeBulk(journey.lab, 'hdfs-a', '/few', 1, 24 * MiB);
}, 240_000);
afterAll(async () => {
  await journey?.product.down();
  for (const disk of Object.values(disks)) await disk.remove();
  await quota?.[Symbol.asyncDispose]();
  await journey?.close();
});

describe('in the middle of a run, a local disk', () => {
  it('fills up: the run waits, says for what, and goes on when there is space', async () => {
    const runId = await start('small');
    await duringFault(runId, () => disks.small.resize(200 * MiB), async () => {
      const { waitingFor, state } = await untilWaiting(runId, 'E_DESTINATION_FULL');
      expect(state).toBe('waiting');
      expect(waitingFor).toMatch(/^E_DESTINATION_FULL: ENOSPC at packs\/.* in destination small \(.*\); make space, or raise the quota, at the destination; the run goes on by itself \(copyShard, attempt \d+\)$/);
      const { sets } = await journey.product.json<{ sets: unknown[] }>(['set', 'list', '--destination', 'small']);
      expect(sets).toEqual([]);
    });
    await expectSealed(runId, 'small');
    expect(await journey.leftovers(disks.small.path)).toEqual([]);
  });

  it('has space, but a quota that is used up: the same, and it goes on when the quota is raised', async () => {
    const runId = await start('quota');
    await duringFault(runId, () => quota!.limit(200 * MiB), async () => {
      expect((await untilWaiting(runId, 'E_DESTINATION_FULL')).waitingFor).toMatch(/^E_DESTINATION_FULL: EDQUOT at packs\/.* in destination quota \(.*\); make space, or raise the quota, at the destination; the run goes on by itself \(copyShard, attempt \d+\)$/);
      expect(await journey.product.json(['set', 'list', '--destination', 'quota'])).toMatchObject({ sets: [] });
    });
    await expectSealed(runId, 'quota');
    expect(await journey.leftovers(quota!.path)).toEqual([]);
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
      expect((await untilWaiting(runId, 'E_DESTINATION_UNREACHABLE', 3)).waitingFor).toMatch(/destination pulled .*was it unmounted or (replaced|moved)\?/);
      expect(await readdir(disks.pulled.path)).toEqual([]);
    });
    await expectSealed(runId, 'pulled');
    expect(await journey.leftovers(join(disks.pulled.path, 'vault'))).toEqual([]);
  });
});

it('a repository on a local disk is refused to a user of the machine without rights', async () => {
  await chmod(journey.folder, 0o755);
  const main = fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url));
  const answer = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, main, 'set', 'list', '--destination', disks.locked.path, '--output', 'json'], { env: { PATH: process.env['PATH'], HOME: '/' } })
    .then(() => ({ code: 0, stdout: '' }), (error: { code: number; stdout: string }) => error);
  expect({ code: answer.code, error: (JSON.parse(answer.stdout) as { error: { code: string } }).error.code }).toEqual({ code: 4, error: 'E_DESTINATION_DENIED' });
});
