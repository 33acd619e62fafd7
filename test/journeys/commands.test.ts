import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection, ScheduleOverlapPolicy, type ScheduleDescription } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import { answers } from '../../client/answers/answers.ts';
import { errorAnswer } from '../../client/answers/parts.ts';
import { runCommandLine } from '../../client/cli/runCommandLine.ts';
import { writeBulk } from '../../lab/damage.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct, type Product } from '../../lab/product.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { isAlive, type ProcessIdentity } from '../../worker/processIdentity.ts';
import { captured } from '../cli/captured.ts';
import { untilShown, type RunAnswer } from './openJourney.ts';
import { onTerminal } from './onTerminal.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Many commands, each with an engine, a worker and servers beside it.
vi.setConfig({ testTimeout: 300_000 });
const escape = '\u001b[';
let folder: string;
let lab: Lab;
let product: Product;
let configFile: string;
/** Not the folder that the configuration names. */
let state: string;

type Block = Record<string, Record<string, unknown>>;

/** Writes the lab's configuration with something of the test's own. */
async function configure(change: (config: { tasks: Block; destinations: Block }) => void): Promise<void> {
  const config = parse(await readFile(lab.config(), 'utf8')) as { tasks: Block; destinations: Block };
  config.destinations['sealed'] = { type: 'LocalDir', path: join(folder, 'sealed'), allowRootFileSystem: true, encryption: { passphrase: { file: join(folder, 'passphrase') } } };
  config.destinations['locked'] = { type: 'LocalDir', path: join(folder, 'locked'), allowRootFileSystem: true, encryption: { key: { file: join(folder, 'key') } } };
  const { cluster, sources } = config.tasks['nightly'] as { cluster: string; sources: unknown[] };
  config.tasks['crypt'] = { cluster, sources: [{ source: 'dbservice', databases: ['hivemeta'] }], destinations: ['sealed', 'locked'] };
  config.tasks['often'] = { cluster, sources: sources.slice(0, 1), destinations: ['vault'], schedule: { every: '10s' } };
  change(config);
  await writeFile(configFile, stringify(config, { aliasDuplicateObjects: false }));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-commands-'));
  state = join(folder, 'elsewhere');
  configFile = join(folder, 'commands.yaml');
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools') });
  await lab.up(['hdfs-a', 'dbservice']);
  await makeSampleData(lab, { files: 30, largeBytes: 1 << 20, databases: ['hivemeta'], rows: 100 });
  await writeBulk(lab, 'hdfs-a', '/data/bulk', 2, 40 << 20);
  for (const [name, text] of [['passphrase', 'correct horse'], ['key', Buffer.alloc(32, 7).toString('base64')], ['wrong', 'battery staple'], ['wrong-key', Buffer.alloc(32, 8).toString('base64')]] as const) {
    await writeFile(join(folder, name), `${text}\n`);
    await chmod(join(folder, name), 0o600);
  }
  await configure((config) => { delete config.tasks['often']; });
  product = openProduct(configFile, state);
  await product.up();
}, 240_000);
afterAll(async () => {
  await product?.down();
  await lab?.down();
  await rm(folder, { recursive: true, force: true });
});

const checked = new Set<string>();

/** Runs a command and checks its document against what docs/reference/ promises. */
async function ask<T = Record<string, unknown>>(args: readonly string[], codes: readonly number[] = [0]): Promise<T> {
  const name = [args.slice(0, 2).join(' '), args[0]!].find((each) => each in answers)!;
  const { result: code, stdout, stderr } = await captured(folder, { MRS_BACKUP_CONFIG: configFile }, () => runCommandLine([...args, '--output', 'json', '--quiet']));
  expect(codes, `mrs-backup ${args.join(' ')}\n${stdout}\n${stderr}`).toContain(code);
  const document = JSON.parse(stdout) as T;
  const parsed = (answers[name] as z.ZodType).safeParse(document);
  expect(parsed.error?.issues ?? [], `mrs-backup ${args.join(' ')}: ${JSON.stringify(document)}`).toEqual([]);
  checked.add(name);
  return document;
}

async function refused(args: readonly string[], exitCode: number, code: string): Promise<{ readonly message: string; readonly hint: string }> {
  const answer = await product.run(...args, '--output', 'json');
  expect(answer.code, answer.stderr).toBe(exitCode);
  expect(answer.stderr).toMatch(new RegExp(`error\\[${code}\\]: .*\\nhint: .+`));
  const { error } = errorAnswer.parse(answer.json());
  expect(error.code).toBe(code);
  return error;
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, MRS_BACKUP_CONFIG: configFile, TERM: 'xterm' });

/** A full run that goes on slowly. */
async function startSlow(): Promise<string> {
  const { runId } = await ask<{ runId: string }>(['task', 'run', 'nightly', '--full', '--detach']);
  await untilShown(product, runId, (view) => view.phase === 'copy');
  await ask(['run', 'limit', runId, '--bandwidth', '1MB/s', '--parallel', '1']);
  return runId;
}

describe('an answer has the form that is promised', () => {
  it('of config, cluster, destination, support', async () => {
    await ask(['config', 'check']);
    await ask(['config', 'check', '--connect']);
    await ask(['config', 'explain']);
    await ask(['cluster', 'check']);
    await ask(['cluster', 'check', 'prod']);
    await ask(['destination', 'check', 'vault']);
    await ask(['support', 'show']);
  });

  it('of task and run, while it goes on and afterwards', async () => {
    const runId = await startSlow();
    let seen = 0;
    // Heartbeats of shards that are not done yet.
    for (let tries = 0; tries < 60 && seen === 0; tries++) {
      const view = await ask<{ progress: { bytes: number; totalBytes: number; ratePerSecond: number | null }; sources: { shardsDone: number; source: string }[] }>(['run', 'show', runId]);
      if (view.progress.bytes < view.progress.totalBytes && view.progress.ratePerSecond !== null) seen = view.progress.bytes;
    }
    expect(seen).toBeGreaterThan(0);
    await ask(['run', 'pause', runId]);
    expect(await ask(['run', 'show', runId])).toMatchObject({ state: 'paused', phase: 'copy', waitingFor: null, failures: [], limits: { parallel: 1 } });
    await ask(['task', 'list']);
    await ask(['task', 'show', 'nightly']);
    await ask(['run', 'resume', runId]);
    await ask(['run', 'limit', runId, '--bandwidth', 'none', '--parallel', '4']);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ outcome: 'sealed' });
    expect(await ask(['run', 'show', runId])).toMatchObject({ state: 'completed', phase: 'done' });
    expect(await ask(['task', 'run', 'nightly'])).toMatchObject({ runId: expect.any(String), outcome: 'sealed', setIds: [expect.any(String)] });
    const cancelled = await startSlow();
    expect(await ask(['task', 'stop', 'nightly'])).toMatchObject({ stopped: [cancelled] });
    await untilShown(product, cancelled, (view) => view.state === 'cancelled');
    expect(await ask(['run', 'show', cancelled])).toMatchObject({ failures: [{ code: 'E_CANCELLED' }] });
    expect(await ask(['run', 'cancel', await startSlow(), '--wait'])).toMatchObject({ state: 'cancelled' });
    await ask(['run', 'list']);
    await ask(['task', 'history', 'nightly']);
    await refused(['run', 'show', 'backup/prod/nightly/never'], 2, 'E_RUN_NOT_FOUND');
  });

  it('of set, restoration, mirror', async () => {
    const { sets } = await ask<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault']);
    const setId = sets.at(-1)!.setId;
    await ask(['set', 'list']);
    await ask(['set', 'show', setId, '--destination', 'vault']);
    await ask(['set', 'verify', setId, '--destination', 'vault', '--level', 'content']);
    expect((await ask<{ sets: object[] }>(['set', 'list', '--destination', 'vault'])).sets.at(-1)).toMatchObject({ setId, verified: 'content', state: 'verified' });
    const { runId } = await ask<{ runId: string }>(['set', 'verify', setId, '--destination', 'vault', '--level', 'content', '--detach']);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ setId, ok: true, level: 'content' });
    await refused(['set', 'verify', setId, '--destination', join(folder, 'vault'), '--detach'], 2, 'E_USAGE');
    await ask(['set', 'extract', setId, 'hdfs', '/data/bulk', '--to', join(folder, 'out'), '--destination', 'vault']);
    const plan = ['restoration', 'plan', setId, '--destination', 'vault', '--to', 'prod', '--source', 'dbservice'];
    const { planId, digest } = await ask<{ planId: string; digest: string }>(plan);
    expect(await ask(['run', 'show', `restore/${planId}`])).toMatchObject({ state: 'waiting', waitingFor: expect.stringContaining('approval') });
    await refused(['restoration', 'run', planId], 5, 'E_APPROVAL');
    await refused(['restoration', 'approve', planId, '--digest', 'f'.repeat(64)], 4, 'E_PLAN_CHANGED');
    await ask(['restoration', 'approve', planId, '--digest', digest]);
    expect(await ask(['restoration', 'run', planId])).toMatchObject({ outcome: 'restored' });
    await ask(['restoration', 'list']);
    const second = await ask<{ planId: string }>(plan);
    await ask(['restoration', 'run', second.planId, '--yes', '--detach']);
    await ask(['run', 'watch', `restore/${second.planId}`]);
    // With itself: only the times of a root, which every snapshot changes, may differ.
    expect(await ask(['mirror', 'compare', '--from', 'prod', '--to', 'prod'], [0, 3])).toMatchObject({ outcome: 'compared', parity: expect.arrayContaining([{ source: 'dbservice', instance: 'DBService', equal: true, differences: 0 }]) });
  });
});

describe('an encrypted repository', () => {
  let setId: string;

  it('is written by a task and read by configuration, or by folder and a file with the secret', async () => {
    const run = await ask<RunAnswer>(['task', 'run', 'crypt']);
    expect(run.outcome).toBe('sealed');
    setId = run.setIds[0]!;
    const by = { sealed: ['--passphrase-file', join(folder, 'passphrase')], locked: ['--key-file', join(folder, 'key')] };
    for (const [name, secret] of Object.entries(by)) {
      for (const where of [['--destination', name], ['--destination', join(folder, name), ...secret]]) {
        expect((await ask<{ sets: object[] }>(['set', 'list', ...where])).sets).toHaveLength(1);
        await ask(['set', 'show', setId, ...where]);
        expect(await ask(['set', 'verify', setId, '--level', 'content', ...where])).toMatchObject({ ok: true });
        const out = join(folder, `out-${where.length}-${name}`);
        expect(await ask(['set', 'extract', setId, 'dbservice', 'databases/hivemeta', '--to', out, ...where])).toMatchObject({ failedTotal: 0 });
        expect(existsSync(join(out, 'databases/hivemeta/dump/toc.dat'))).toBe(true);
      }
    }
    expect((await ask<{ sets: object[] }>(['set', 'list', '--destination', 'sealed'])).sets[0]).toMatchObject({ verified: 'content' });
  });

  it('does not open to a wrong secret, and says what is missing', async () => {
    for (const secret of [['--passphrase-file', join(folder, 'wrong')], ['--key-file', join(folder, 'key')], []]) {
      const { hint, message } = await refused(['set', 'extract', setId, 'dbservice', 'databases/hivemeta', '--to', join(folder, 'never'), '--destination', join(folder, 'sealed'), ...secret], 2, 'E_KEY');
      expect(`${message} ${hint}`).toMatch(/passphrase/);
    }
    await refused(['set', 'list', '--destination', join(folder, 'locked'), '--key-file', join(folder, 'wrong-key')], 2, 'E_KEY');
    await refused(['set', 'list', '--destination', join(folder, 'locked'), '--key-file', join(folder, 'absent')], 2, 'E_SECRET');
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});

describe('extracting from a damaged set', () => {
  it('names what could not be extracted, brings the rest, and ends with exit code 3', async () => {
    const setId = (await ask<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'locked'])).sets[0]!.setId;
    for (const name of await readdir(join(folder, 'locked', 'packs'), { recursive: true })) {
      const path = join(folder, 'locked', 'packs', name);
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes === undefined) continue;
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(path, bytes);
    }
    const args = ['set', 'extract', setId, 'dbservice', 'databases', '--destination', 'locked'];
    const report = await ask<{ files: number; failed: { key: string; reason: string }[]; failedTotal: number }>([...args, '--to', join(folder, 'part')], [3]);
    expect(report.failedTotal).toBeGreaterThan(0);
    expect(report.failed).toHaveLength(report.failedTotal);
    const text = await product.run(...args, '--to', join(folder, 'part-2'));
    expect(text).toMatchObject({ code: 3, stdout: expect.stringContaining(`${report.failedTotal} entries could not be extracted`) });
    expect(text.stdout).toContain(report.failed[0]!.key);
    expect(await ask(['set', 'verify', setId, '--destination', 'locked', '--level', 'content'], [3])).toMatchObject({ ok: false });
    expect((await ask<{ sets: object[] }>(['set', 'list', '--destination', 'locked'])).sets[0]).toMatchObject({ state: 'damaged' });
  });
});

describe('on a terminal', () => {
  it('bars show a run, and nothing has colours where they are not wanted', async () => {
    const { code, screen } = await onTerminal(['task', 'run', 'nightly', '--full'], environment());
    expect(code).toBe(0);
    expect(screen).toMatch(/hdfs@hacluster [█░]+ \d+%/);
    expect(screen).toContain('\u001b[32msealed');
    for (const [args, env] of [[['set', 'list', '--destination', 'vault', '--no-color'], {}], [['set', 'list', '--destination', 'vault'], { NO_COLOR: '1' }]] as const) {
      const plain = await onTerminal(args, { ...environment(), ...env });
      expect(plain.screen).toContain('verified');
      expect(plain.screen).not.toContain(escape);
    }
    const piped = await product.run('task', 'run', 'nightly');
    expect(piped.stdout + piped.stderr).not.toContain(escape);
    expect(piped.stderr).toContain('hdfs@hacluster: ');
    expect((await product.run('task', 'run', 'nightly', '--quiet')).stderr).toBe('');
  });

  it('Ctrl-C detaches and says how to attach again; the run goes on', async () => {
    const { code, screen } = await onTerminal(['task', 'run', 'nightly', '--full'], environment(), ' copy ');
    expect(code).toBe(130);
    const runId = /backup\/prod\/nightly\/[0-9TZ]+/.exec(screen)![0];
    expect(screen).toContain(`run watch ${runId}`);
    expect(screen).toContain(`run cancel ${runId}`);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ outcome: 'sealed' });
  });
});

describe('schedules', () => {
  const described = async (id: string): Promise<ScheduleDescription> => {
    const { address } = JSON.parse(await readFile(join(state, 'engine.json'), 'utf8')) as { address: string };
    const connection = await Connection.connect({ address });
    try {
      return await new Client({ connection }).schedule.getHandle(id).describe();
    } finally {
      await connection.close();
    }
  };
  const runs = async () => (await ask<{ runs: { runId: string; state: string }[] }>(['task', 'history', 'often'])).runs;

  it('start runs by themselves, one at a time, until they are suspended', async () => {
    await configure(() => undefined);
    expect(await ask(['task', 'apply', '--dry-run'])).toMatchObject({ created: ['task/prod/often'] });
    expect(await ask(['task', 'apply'])).toMatchObject({ created: ['task/prod/often'], deleted: [] });
    let held: string | undefined;
    for (let tries = 0; tries < 200 && held === undefined; tries++) {
      const running = (await runs()).find((each) => each.state === 'running')?.runId;
      if (running !== undefined && (await product.run('run', 'pause', running)).code === 0) held = running;
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const before = (await described('task/prod/often')).info;
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    const after = (await described('task/prod/often')).info;
    expect((await runs()).filter((each) => each.state === 'running')).toHaveLength(1);
    expect(after.numActionsSkippedOverlap).toBeGreaterThan(before.numActionsSkippedOverlap);
    await ask(['task', 'suspend', 'often', '--note', 'for a test']);
    await product.run('run', 'resume', held!);
    await untilShown(product, held!, (view) => view.state === 'completed');
    expect(await ask(['task', 'show', 'often'])).toMatchObject({ scheduleState: { state: 'suspended', note: 'for a test' } });
    const count = (await runs()).length;
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    expect(await runs()).toHaveLength(count);
  });

  it('are made what the configuration says, and stay suspended', async () => {
    expect(await ask(['task', 'apply'])).toMatchObject({ unchanged: ['task/prod/often'], created: [], updated: [], deleted: [] });
    await configure((config) => { config.tasks['often']!['schedule'] = { every: '1d', at: '01:30', timeZone: 'Europe/Berlin', jitter: '3m', overlap: 'bufferOne', catchUp: '2h' }; });
    expect(await ask(['task', 'apply'])).toMatchObject({ updated: ['task/prod/often'] });
    const { spec, policies, state: kept } = await described('task/prod/often');
    expect({ timezone: spec.timezone, jitter: spec.jitter, catchUp: policies.catchupWindow, overlap: policies.overlap, paused: kept.paused })
      .toEqual({ timezone: 'Europe/Berlin', jitter: 180_000, catchUp: 7_200_000, overlap: ScheduleOverlapPolicy.BUFFER_ONE, paused: true });
    expect(spec.calendars).toMatchObject([{ hour: [{ start: 1 }], minute: [{ start: 30 }] }]);
    await ask(['task', 'resume', 'often']);
    await configure((config) => { delete config.tasks['often']; });
    expect(await ask(['task', 'apply'])).toMatchObject({ deleted: ['task/prod/often'] });
    await refused(['task', 'suspend', 'nightly'], 2, 'E_USAGE');
  });
});

describe('up', () => {
  it('runs once for one configuration, wherever its state is', async () => {
    for (const more of [[], ['--state', state], ['--state', join(folder, 'third')]]) expect((await refused(['up', ...more], 4, 'E_BUSY')).message).toContain(state);
  });

  it('killed takes engine and worker along, and the next one goes on with the runs', async () => {
    const runId = await startSlow();
    const identities = await Promise.all(['up', 'worker', 'engine'].map(async (part) => {
      const record = JSON.parse(await readFile(join(state, `${part}.json`), 'utf8')) as ProcessIdentity & { process?: ProcessIdentity };
      return record.process ?? record;
    }));
    process.kill(identities[0]!.pid, 'SIGKILL');
    for (let tries = 0; tries < 150 && (await Promise.all(identities.map(isAlive))).includes(true); tries++) await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await Promise.all(identities.map(isAlive))).toEqual([false, false, false]);
    await refused(['run', 'list'], 6, 'E_ENGINE_UNREACHABLE');
    await product.up();
    await untilShown(product, runId, (view) => view.phase === 'copy');
    await ask(['run', 'limit', runId, '--bandwidth', 'none', '--parallel', '4']);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ outcome: 'sealed' });
    expect(await ask(['reap'])).toMatchObject({ found: [] });
  });

  it('stopped leaves no pointer', async () => {
    await product.down();
    expect(existsSync(join(folder, 'engine', 'up.json'))).toBe(false);
    expect(existsSync(join(state, 'up.json'))).toBe(false);
  });
});

it('every command that is built was asked', () => {
  // `mirror run` needs a second cluster: restoreAndMirror.test.ts.
  expect(Object.keys(answers).filter((name) => !checked.has(name))).toEqual(['mirror run']);
});
