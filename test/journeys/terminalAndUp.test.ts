import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isAlive, type ProcessIdentity } from '../../worker/processIdentity.ts';
import { onTerminal } from './onTerminal.ts';
import { openCommandScene, type CommandScene } from './openCommands.ts';
import { untilShown } from './openJourney.ts';

// Many commands, each with an engine, a worker and servers beside it.
vi.setConfig({ testTimeout: 300_000 });
const escape = '\u001b[';
let scene: CommandScene;
let product: CommandScene['product'];
let folder: CommandScene['folder'];
let state: CommandScene['state'];
let ask: CommandScene['ask'];
let refused: CommandScene['refused'];
let startSlow: CommandScene['startSlow'];
let environment: CommandScene['environment'];

beforeAll(async () => {
  scene = await openCommandScene(['hdfs-a', 'dbservice']);
  ({ product, folder, state, ask, refused, startSlow, environment } = scene);
}, 240_000);
afterAll(async () => { await scene?.close(); });

describe('on a terminal', () => {
  it('bars show a run, and nothing has colours where they are not wanted', async () => {
    const { code, screen } = await onTerminal(['task', 'run', 'nightly', '--full'], environment);
    expect(code).toBe(0);
    expect(screen).toMatch(/hdfs@hacluster [█░]+ \d+%/);
    expect(screen).toContain('\u001b[32msealed');
    for (const [args, env] of [[['set', 'list', '--destination', 'vault', '--no-color'], {}], [['set', 'list', '--destination', 'vault'], { NO_COLOR: '1' }]] as const) {
      const plain = await onTerminal(args, { ...environment, ...env });
      expect(plain.screen).toContain('verified');
      expect(plain.screen).not.toContain(escape);
    }
    const piped = await product.run('task', 'run', 'nightly');
    expect(piped.stdout + piped.stderr).not.toContain(escape);
    expect(piped.stderr).toContain('hdfs@hacluster: ');
    expect((await product.run('task', 'run', 'nightly', '--quiet')).stderr).toBe('');
  });

  it('Ctrl-C detaches and says how to attach again; the run goes on', async () => {
    const { code, screen } = await onTerminal(['task', 'run', 'nightly', '--full'], environment, ' copy ');
    expect(code).toBe(130);
    const runId = /backup\/prod\/nightly\/[0-9TZ]+/.exec(screen)![0];
    expect(screen).toContain(`run watch ${runId}`);
    expect(screen).toContain(`run cancel ${runId}`);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ outcome: 'sealed' });
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
