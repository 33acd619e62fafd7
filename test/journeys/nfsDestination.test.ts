import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDbservice } from '../../lab/dbservice.ts';
import { nfsFiles, type NfsFiles } from '../../lab/nfsFiles.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { startFaultyProxy, type FaultyProxy } from '../servers/faultyProxy.ts';
import { mountLoopDisk } from '../servers/loopDisk.ts';
import { destinationRuns } from './destinationRuns.ts';
import { leftInVault } from './leftInVault.ts';
import { openJourney, untilShown, type Journey } from './openJourney.ts';
import { runsOf } from './runsOf.ts';

let journey: Journey;
let files: NfsFiles;
let disk: Awaited<ReturnType<typeof mountLoopDisk>> | undefined;
let proxy: FaultyProxy;

beforeAll(async () => {
  journey = await openJourney(['dbservice', 'nfs'], async ({ destinations, tasks }, folder) => {
    const place = { name: 'nfs', folder: join(folder, 'nfs'), secretsFolder: '', toolsFolder: '', ports: { nfs: destinations['onnfs']!['nfsPort'] as number, mount: destinations['onnfs']!['mountPort'] as number } };
    proxy = await startFaultyProxy(place.ports.nfs);
    destinations['small'] = { ...destinations['onnfs']!, export: nfsFiles(place).disk, path: 'vault' };
    destinations['damaging'] = { ...destinations['onnfs']!, path: 'damaged', nfsPort: proxy.port, timeoutSeconds: 10 };
    const task = { cluster: 'prod', sources: [{ source: 'dbservice', databases: ['hivemeta'] }], policy: { incremental: false } };
    // Slow, so that something can happen in the middle.
    tasks['slow'] = { ...task, destinations: ['onnfs'], limits: { bandwidth: '250KB/s' } };
    tasks['small'] = { ...task, destinations: ['small'] };
    tasks['damaging'] = { ...task, sources: [{ source: 'dbservice', databases: ['oozie'] }], destinations: ['damaging'] };
  }, async (lab) => {
    files = nfsFiles(lab.place('nfs'));
    disk = await mountLoopDisk(files.disk, 4 << 20);
  });
  await makeSampleData(journey.lab, { files: 0, largeBytes: 0, databases: ['hivemeta', 'oozie'], rows: 3_000 });
  // Packs of several MiB.
  const client = await connectDbservice(journey.lab.place('dbservice'), 'oozie');
  await client.query(`create table sample.bulk as select i, (select string_agg(md5(i::text || '-' || j), '') from generate_series(1, 32) as j) as text from generate_series(1, 8000) as i; alter table sample.bulk owner to oozie`);
  await client.end();
}, 180_000);

afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await disk?.unmount();
  await journey?.close();
});

const { start, expectSealed } = runsOf(() => journey);
const { outliveServer, cancelWhileGone } = destinationRuns(() => journey, { name: 'nfs', role: 'ganesha', destination: 'onnfs', vault: () => join(files.data, 'mrs-backup') });

describe('a run whose NFS server', () => {
  it('is killed in the middle and comes back waits, visibly, goes on, seals, and leaves nothing', { timeout: 240_000 }, outliveServer);

  it('has a full disk says so, and seals when there is space again', { timeout: 240_000 }, async () => {
    const filler = join(files.disk, 'filler');
    // Synchronized, block by block: what a file system sets aside for what is not yet written would be free again afterwards.
    const block = Buffer.alloc(4096);
    const full = async (): Promise<void> => { for (;;) await appendFile(filler, block, { flag: 'as' }); };
    await expect(full()).rejects.toMatchObject({ code: 'ENOSPC' });
    const runId = await start('small');
    await untilShown(journey.product, runId, (view) => /full|space|bytes left/i.test(view.waitingFor ?? ''));
    await rm(filler);
    await expectSealed(runId, 'small');
    expect(await leftInVault(join(files.disk, 'vault'))).toEqual([]);
  });

  it('is gone can be cancelled; what was begun there goes when the server is back', { timeout: 240_000 }, cancelWhileGone);

  it('is behind a line that turns bits gets a good set all the same, and what is read wrong is told', { timeout: 240_000 }, async () => {
    // In the middle of a pack, which no checksum of the protocol covers.
    proxy.flip = { way: 'up', after: 1_500_000 };
    const runId = await start('damaging');
    const setId = (await expectSealed(runId, 'damaging')).setIds[0]!;
    expect(proxy.flip).toBeUndefined();
    expect(await leftInVault(join(files.data, 'damaged'))).toEqual([]);
    proxy.flip = { way: 'down', after: 1_500_000 };
    const damaged = await journey.product.run('set', 'verify', setId, '--destination', 'damaging', '--level', 'content', '--output', 'json');
    expect(damaged.code).toBe(3);
    expect(proxy.flip).toBeUndefined();
    expect(await journey.product.json(['set', 'verify', setId, '--destination', 'damaging', '--level', 'content'])).toMatchObject({ ok: true, damage: [] });
  });
});
