import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labUser } from '../../lab/asNobody.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { sftpFiles } from '../../lab/sftpKeys.ts';
import { destinationRuns } from './destinationRuns.ts';
import { leftInVault } from './leftInVault.ts';
import { openJourney, untilShown, type Journey } from './openJourney.ts';
import { runsOf } from './runsOf.ts';

const run = promisify(execFile);
let journey: Journey;
let data: string;

beforeAll(async () => {
  journey = await openJourney(['dbservice', 'sftp'], ({ destinations, tasks }) => {
    const { knownHosts: _, ...server } = destinations['onsftp']!;
    destinations['small'] = { ...destinations['onsftp']!, path: 'disk/vault' };
    destinations['strange'] = { ...server, path: 'strange', hostKey: `SHA256:${'A'.repeat(43)}` };
    const task = { cluster: 'prod', sources: [{ source: 'dbservice', databases: ['hivemeta'] }], policy: { incremental: false } };
    // Slow, so that something can happen in the middle.
    tasks['slow'] = { ...task, destinations: ['onsftp'], limits: { bandwidth: '250KB/s' } };
    for (const destination of ['small', 'strange']) tasks[destination] = { ...task, destinations: [destination] };
  });
  data = sftpFiles(journey.lab.place('sftp')).data;
  await makeSampleData(journey.lab, { files: 0, largeBytes: 0, databases: ['hivemeta'], rows: 3_000 });
}, 180_000);

afterAll(async () => {
  await run('umount', ['-l', join(data, 'disk')]).catch(() => {});
  await journey?.close();
});

const { start, expectSealed } = runsOf(() => journey);
const { outliveServer, cancelWhileGone } = destinationRuns(() => journey, { name: 'sftp', destination: 'onsftp', vault: () => join(data, 'mrs-backup') });

describe('a run whose SFTP server', () => {
  it('is killed in the middle and comes back waits, visibly, goes on, seals, and leaves nothing', { timeout: 240_000 }, outliveServer);

  it('has a full disk says so, and seals when there is space again', { timeout: 240_000 }, async () => {
    const disk = join(data, 'disk');
    await mkdir(disk);
    await run('mount', ['-t', 'tmpfs', '-o', `size=160k,mode=0700,uid=${labUser?.uid ?? process.getuid!()}`, 'tmpfs', disk]);
    const runId = await start('small');
    await untilShown(journey.product, runId, (view) => /full|space|bytes left/i.test(view.waitingFor ?? ''));
    const { sets } = await journey.product.json<{ sets: unknown[] }>(['set', 'list', '--destination', 'small']);
    expect(sets).toEqual([]);
    await run('mount', ['-o', 'remount,size=64m', disk]);
    await expectSealed(runId, 'small');
    expect(await leftInVault(join(data, 'disk/vault'))).toEqual([]);
  });

  it('is gone can be cancelled; what was begun there goes when the server is back', { timeout: 240_000 }, cancelWhileGone);

  it('shows another key than the known one fails at once, and says which', async () => {
    const answer = await journey.product.run('task', 'run', 'strange', '--quiet');
    expect(answer.code).toBe(4);
    expect(answer.stderr).toContain('E_DESTINATION_DENIED');
    expect(answer.stderr).toMatch(/shows the ssh-ed25519 key SHA256:/);
    expect(await readdir(data)).not.toContain('strange');
  });
});
