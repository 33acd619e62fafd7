import { readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RestoreAnswer, type RunAnswer } from './openJourney.ts';

let journey: Journey;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a']);
  await makeSampleData(journey.lab, { files: 120, largeBytes: 4 << 20 });
  await writeBulk(journey.lab, 'hdfs-a', '/data/bulk', 4, 40 << 20);
}, 180_000);
afterAll(async () => { await journey?.close(); });

describe('an operator steers a run that goes on', () => {
  it('pauses it, over the death of the worker, and resumes it', async () => {
    const { runId } = await journey.product.json<{ runId: string }>(['task', 'run', 'nightly', '--full', '--detach']);
    await untilShown(journey.product, runId, (view) => view.phase === 'copy');
    await journey.product.json(['run', 'pause', runId]);
    await journey.product.kill('worker');
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const still = async () => (await readdir(join(journey.vault, 'packs'), { recursive: true }).catch(() => [])).length;
    const before = await still();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await still()).toBe(before);
    await untilShown(journey.product, runId, (view) => view.state === 'paused' || view.state === 'running');
    await journey.product.json(['run', 'resume', runId]);
    expect((await journey.product.json<RunAnswer>(['run', 'watch', runId])).outcome).toBe('sealed');
  });

  it('slows it down, and cancels it without a trace', async () => {
    await using hdfs = journey.hdfs('hdfs-a');
    const snapshots = await snapshotsOf(hdfs, '/data');
    const { runId } = await journey.product.json<{ runId: string }>(['task', 'run', 'nightly', '--full', '--detach']);
    // At once: all of it may be copied within seconds.
    await journey.product.json(['run', 'limit', runId, '--bandwidth', '2MB/s', '--parallel', '1']);
    const begun = await untilShown(journey.product, runId, (view) => view.state === 'running' && view.phase === 'copy' && view.progress.bytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const later = await untilShown(journey.product, runId, (view) => view.state === 'running');
    // Ten megabytes at this rate, and the chunks that were on their way.
    expect(later.progress.bytes - begun.progress.bytes).toBeLessThan(40 << 20);
    expect(later.progress.bytes).toBeLessThan(later.progress.totalBytes);
    await journey.product.json(['run', 'cancel', runId]);
    await untilShown(journey.product, runId, (view) => view.state === 'cancelled');
    expect(await snapshotsOf(hdfs, '/data')).toEqual(snapshots);
    expect(await journey.leftovers()).toEqual([]);
    const { sets } = await journey.product.json<{ sets: unknown[] }>(['set', 'list', '--destination', 'vault']);
    expect(sets).toHaveLength(1);
  });

  it('may start it twice: the second waits for the first, and both seal', async () => {
    const first = journey.product.start(['task', 'run', 'nightly', '--full', '--output', 'json', '--quiet']);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = journey.product.start(['task', 'run', 'nightly', '--output', 'json', '--quiet']);
    for (const { answer } of [first, second]) expect((await answer).json<RunAnswer>().outcome).toBe('sealed');
  });
});

describe('damage at the destination', () => {
  /** The largest packs, by path. */
  async function packs(): Promise<string[]> {
    const names = (await readdir(join(journey.vault, 'packs'), { recursive: true })).map((name) => join(journey.vault, 'packs', name));
    const sized = await Promise.all(names.map(async (path) => ({ path, status: await stat(path) })));
    return sized.filter((each) => each.status.isFile()).sort((a, b) => b.status.size - a.status.size).map((each) => each.path);
  }

  it('is found, named, kept away from what is restored, and healed by the next run', async () => {
    const setId = (await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault'])).sets.at(-1)!.setId;
    const [flipped, shortened, removed] = await packs();
    const bytes = await readFile(flipped!);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(flipped!, bytes);
    await truncate(shortened!, (await stat(shortened!)).size - 1);
    if (removed !== undefined) await unlink(removed);

    const verified = await journey.product.json<{ ok: boolean; damage: { object: string; kind: string; entries: string[] }[] }>(['set', 'verify', setId, '--destination', 'vault', '--level', 'content'], [3]);
    expect(verified.ok).toBe(false);
    expect(verified.damage.map((each) => each.object.split('/').at(-1)).sort()).toEqual([flipped, shortened, removed].filter((each) => each !== undefined).map((each) => each.split('/').at(-1)).sort());
    expect(verified.damage.flatMap((each) => each.entries).some((each) => each.includes('/data/bulk/part-'))).toBe(true);

    // Beside: everything else comes, and what cannot is named.
    const beside = await journey.product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', 'vault']);
    const outcome = await journey.product.json<RestoreAnswer>(['restoration', 'run', beside.planId, '--yes'], [3]);
    expect(outcome.outcome).toBe('differences');
    expect(outcome.sources[0]!.missing).toBeGreaterThan(0);
    expect(outcome.sources[0]!.missingNames.join()).toContain('/data/bulk/part-');
    expect(outcome.sources[0]!.entries).toBeGreaterThan(0);

    // In place: nothing is put where it is not whole.
    const inPlace = await journey.product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', 'vault', '--in-place']);
    const refused = await journey.product.run('restoration', 'run', inPlace.planId, '--yes', '--output', 'json', '--quiet');
    expect(refused.code).toBe(3);
    expect(refused.json<{ error: { code: string } }>().error.code).toBe('E_DIFFERENCES');
    await using hdfs = journey.hdfs('hdfs-a');
    expect((await hdfs.status('/data/bulk/part-0000')).length).toBe(40 << 20);

    // The source still has it: an incremental run stores it again.
    const healed = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
    expect(await journey.product.json(['set', 'verify', healed.setIds[0]!, '--destination', 'vault', '--level', 'content'])).toMatchObject({ ok: true });
  }, 240_000);
});
