import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectDbservice } from '../../lab/dbservice.ts';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RunAnswer } from './openJourney.ts';
import { startSlow } from './startSlow.ts';
import { temporalBinary } from '../../worker/toolPaths.ts';

interface Reaped {
  readonly found: readonly { readonly kind: string; readonly where: string; readonly name: string }[];
  readonly removed: readonly { readonly kind: string; readonly name: string }[];
  readonly failed: readonly object[];
}

// Many commands, each with an engine, a worker and servers beside it.
vi.setConfig({ testTimeout: 300_000 });
let journey: Journey;
let sealed: RunAnswer;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'dbservice']);
  await makeSampleData(journey.lab, { files: 60, largeBytes: 2 << 20, databases: ['hivemeta'], rows: 200 });
  await writeBulk(journey.lab, 'hdfs-a', '/data/bulk', 3, 40 << 20);
  sealed = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
}, 240_000);
afterAll(async () => { await journey?.close(); });

const reap = (...options: string[]) => journey.product.json<Reaped>(['reap', ...options]);

async function snapshots(): Promise<string[]> {
  await using hdfs = journey.hdfs('hdfs-a');
  return await snapshotsOf(hdfs, '/data');
}

/** A full run that is in the middle of its copy and will stay there for a while. */
async function startHalf(): Promise<string> {
  const runId = await startSlow(journey.product);
  await untilShown(journey.product, runId, (view) => view.progress.bytes > 0);
  return runId;
}

/** As an operator would who knows nothing of mrs-backup. */
async function terminate(workflowId: string): Promise<void> {
  const { address } = JSON.parse(await readFile(join(journey.folder, 'engine', 'engine.json'), 'utf8')) as { address: string };
  await promisify(execFile)(temporalBinary(process.env), ['workflow', 'terminate', '--workflow-id', workflowId, '--address', address, '--reason', 'test']);
}

const kinds = (report: Reaped) => [...new Set(report.found.map((each) => each.kind))].sort();

describe('what a terminated backup left', () => {
  it('is listed, removed, and then gone; the next increment still finds its parent', async () => {
    expect((await reap()).found).toEqual([]);
    const before = await snapshots();
    const runId = await startHalf();
    await terminate(runId);
    expect(await snapshots()).toHaveLength(2);
    const dry = await reap('--dry-run');
    expect(kinds(dry)).toEqual(expect.arrayContaining(['handle', 'set', 'staging']));
    expect(dry.removed).toEqual([]);
    const deadKey = dry.found.find((each) => each.kind === 'staging')!.name.split('/')[1]!;
    expect(await snapshots()).toHaveLength(2);
    expect(await journey.leftovers()).not.toEqual([]);

    const stamp = (Date.now() - 1000).toString(36);
    await writeFile(join(journey.vault, '.tmp', `${deadKey}.${stamp}-${'a'.repeat(24)}`), 'half');
    await writeFile(join(journey.vault, '.tmp', `any.${stamp}-${'b'.repeat(24)}`), 'somebody writes this now');
    const report = await reap();
    expect(kinds(report)).toEqual(['handle', 'set', 'staging', 'temporary']);
    expect(report.removed).toHaveLength(report.found.length);
    expect(report.failed).toEqual([]);
    expect(await snapshots()).toEqual(before);
    expect(await journey.leftovers()).toEqual([expect.stringContaining('/any.')]);
    await rm(join(journey.vault, '.tmp', `any.${stamp}-${'b'.repeat(24)}`));
    expect(await reap()).toMatchObject({ found: [], removed: [], failed: [] });

    const next = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
    expect(next.sources.find((each) => each.source === 'hdfs')).toMatchObject({ kind: 'incremental' });
    expect(await journey.product.json(['set', 'verify', sealed.setIds[0]!, '--destination', 'vault', '--level', 'content'])).toMatchObject({ ok: true });
  });

  it('is found when the engine has lost its memory, too', async () => {
    await startHalf();
    await journey.product.down();
    for (const suffix of ['', '-wal', '-shm']) await rm(join(journey.folder, 'engine', `engine.db${suffix}`), { force: true });
    await rm(join(journey.folder, 'engine', 'engine.prepared'), { force: true });
    await journey.product.up();
    const report = await reap();
    expect(kinds(report)).toEqual(expect.arrayContaining(['handle', 'set', 'staging']));
    expect(report.removed).toHaveLength(report.found.length);
    expect(await snapshots()).toHaveLength(1);
    expect(await journey.leftovers()).toEqual([]);
  });
});

describe('what lives', () => {
  it('is never touched: a run in progress ends sealed', async () => {
    const runId = await startHalf();
    for (let time = 0; time < 2; time++) expect(await reap()).toMatchObject({ found: [], removed: [], failed: [] });
    await journey.product.json(['run', 'limit', runId, '--bandwidth', 'none', '--parallel', '4']);
    const outcome = await journey.product.json<RunAnswer>(['run', 'watch', runId]);
    expect(outcome.outcome).toBe('sealed');
    expect(await reap()).toMatchObject({ found: [] });
    expect(await journey.product.json(['set', 'verify', outcome.setIds[0]!, '--destination', 'vault', '--level', 'content'])).toMatchObject({ ok: true });
  });

  it('cannot be told without the destination, so handles are left alone and the exit code is 3', async () => {
    const runId = await startHalf();
    await terminate(runId);
    const config = (await readFile(journey.lab.config(), 'utf8')).replace('destinations:', `destinations:\n  gone: { type: LocalDir, path: ${journey.folder}/absent/vault, allowRootFileSystem: true }`);
    await writeFile(join(journey.folder, 'gone.yaml'), config);
    const report = await journey.product.json<Reaped>(['reap', '--config', join(journey.folder, 'gone.yaml')], [3]);
    expect(report.found.filter((each) => each.kind === 'handle' && each.where.includes('hdfs'))).toEqual([]);
    expect(report.failed).toEqual(expect.arrayContaining([expect.objectContaining({ where: 'gone' }), expect.objectContaining({ where: 'prod/hdfs@hacluster' })]));
    expect(await snapshots()).toHaveLength(2);
    await reap();
    expect(await snapshots()).toHaveLength(1);
  });
});

describe('what a terminated restoration made', () => {
  const databases = async (): Promise<string[]> => {
    const client = await connectDbservice(journey.lab.place('dbservice'));
    try {
      return (await client.query<{ datname: string }>(`SELECT datname FROM pg_database ORDER BY 1`)).rows.map((row) => row.datname);
    } finally {
      await client.end();
    }
  };
  const folders = async (): Promise<string[]> => {
    await using hdfs = journey.hdfs('hdfs-a');
    const names: string[] = [];
    for await (const page of hdfs.listPaged('/')) names.push(...page.map((each) => each.pathSuffix));
    // The destination onprod is made when it is opened first.
    return names.filter((name) => name !== 'mrs-backup').sort();
  };

  it.each([['in place', ['--in-place']], ['beside', []]])('%s goes the way back', async (_where, how) => {
    const before = { databases: await databases(), folders: await folders() };
    const { planId } = await journey.product.json<{ planId: string }>(['restoration', 'plan', sealed.setIds[0]!, '--to', 'prod', '--destination', 'vault', ...how]);
    const runId = `restore/${planId}`;
    await journey.product.json(['restoration', 'run', planId, '--yes', '--detach']);
    await journey.product.json(['run', 'limit', runId, '--bandwidth', '2MB/s', '--parallel', '1']);
    for (let tries = 0; tries < 100 && JSON.stringify(await folders()) === JSON.stringify(before.folders); tries++) await new Promise((resolve) => setTimeout(resolve, 200));
    await untilShown(journey.product, runId, (view) => view.progress.bytes > 0);
    await terminate(runId);
    expect(await folders()).not.toEqual(before.folders);
    const report = await reap();
    expect(kinds(report)).toContain('restoration');
    expect(report.removed).toHaveLength(report.found.length);
    expect({ databases: await databases(), folders: await folders() }).toEqual(before);
    expect(await reap()).toMatchObject({ found: [] });
    expect(await journey.leftovers()).toEqual([]);
  });
});
