import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labUser } from '../../lab/asNobody.ts';
import { cifsFiles } from '../../lab/cifsFiles.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { destinationRuns } from './destinationRuns.ts';
import { leftInVault } from './leftInVault.ts';
import { openJourney, untilShown, type Journey } from './openJourney.ts';
import { runsOf } from './runsOf.ts';

const run = promisify(execFile);
let journey: Journey;
let data: string;

beforeAll(async () => {
  journey = await openJourney(['dbservice', 'cifs'], async ({ destinations, tasks }, folder) => {
    const wrong = join(folder, 'secrets', 'wrong-password');
    await writeFile(wrong, 'not-the-password', { mode: 0o600 });
    destinations['small'] = { ...destinations['oncifs']!, path: 'disk/vault' };
    destinations['strange'] = { ...destinations['oncifs']!, path: 'strange', password: { file: wrong } };
    destinations['unmounted'] = { type: 'CIFS', mountPath: join(folder, 'mnt'), source: '//nas/backup' };
    await mkdir(join(folder, 'mnt'));
    const task = { cluster: 'prod', sources: [{ source: 'dbservice', databases: ['hivemeta'] }], policy: { incremental: false } };
    // Slow, so that something can happen in the middle.
    tasks['slow'] = { ...task, destinations: ['oncifs'], limits: { bandwidth: '250KB/s' } };
    for (const destination of ['small', 'strange', 'unmounted']) tasks[destination] = { ...task, destinations: [destination] };
  });
  data = cifsFiles(journey.lab.place('cifs')).data;
  await makeSampleData(journey.lab, { files: 0, largeBytes: 0, databases: ['hivemeta'], rows: 3_000 });
}, 180_000);

afterAll(async () => {
  await run('umount', ['-l', join(data, 'disk')]).catch(() => {});
  await journey?.close();
});

const { start, expectSealed } = runsOf(() => journey);
const { outliveServer, cancelWhileGone } = destinationRuns(() => journey, { name: 'cifs', destination: 'oncifs', vault: () => join(data, 'mrs-backup') });

describe('a run whose SMB server', () => {
  it('is killed in the middle and comes back waits, visibly, goes on, seals, and leaves nothing', { timeout: 240_000 }, outliveServer);

  it('has a full disk says so, and seals when there is space again', { timeout: 240_000 }, async () => {
    const disk = join(data, 'disk');
    await mkdir(disk);
    if (labUser !== undefined) await chown(disk, labUser.uid, labUser.gid);
    await run('mount', ['-t', 'tmpfs', '-o', `size=160k,mode=0700,uid=${labUser?.uid ?? process.getuid!()}`, 'tmpfs', disk]);
    const runId = await start('small');
    await untilShown(journey.product, runId, (view) => /full|space|ENOSPC/i.test(view.waitingFor ?? ''));
    const { sets } = await journey.product.json<{ sets: unknown[] }>(['set', 'list', '--destination', 'small']);
    expect(sets).toEqual([]);
    await run('mount', ['-o', 'remount,size=64m', disk]);
    await expectSealed(runId, 'small');
    expect(await leftInVault(join(data, 'disk/vault'))).toEqual([]);
  });

  it('is gone can be cancelled; what was begun there goes when the server is back', { timeout: 240_000 }, cancelWhileGone);

  it('refuses the password fails at once, and shows it to nobody', async () => {
    const answer = await journey.product.run('task', 'run', 'strange', '--quiet');
    expect(answer.code).toBe(4);
    expect(answer.stderr).toContain('E_DESTINATION_DENIED');
    expect(answer.stderr).not.toContain('not-the-password');
    expect(await readdir(data)).not.toContain('strange');
  });
});

it('a run whose share is not mounted says what to mount, and writes nothing into the folder', { timeout: 120_000 }, async () => {
  const mountPoint = join(journey.folder, 'mnt');
  const runId = await start('unmounted');
  await untilShown(journey.product, runId, (view) => view.waitingFor?.includes('nothing is mounted') === true);
  // Something else comes to lie there: that is no waiting.
  await run('mount', ['-t', 'tmpfs', 'other', mountPoint]);
  try {
    await untilShown(journey.product, runId, (view) => view.state !== 'running', 90);
    const answer = await journey.product.run('run', 'watch', runId);
    expect(answer.code).toBe(4);
    expect(answer.stderr).toMatch(/E_DESTINATION_PATH.*other \(tmpfs\) is mounted/);
    expect(answer.stderr).toContain('hint: mount //nas/backup');
    expect(await readdir(mountPoint)).toEqual([]);
  } finally {
    await run('umount', [mountPoint]);
  }
  expect(await readdir(mountPoint)).toEqual([]);
});
