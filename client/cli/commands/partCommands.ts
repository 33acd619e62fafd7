import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ExitCode } from '../failure.ts';
import { option, repeated } from '../option.ts';
import type { CommandSpec } from '../program.ts';

/** Starts the embedded engine and a worker. */
export const upCommand: CommandSpec = {
  usage: 'up',
  description: 'Run the embedded engine and a worker for all clusters; Ctrl-C stops all; the next start goes on with unfinished runs',
  options: [option('--state <folder>', "state of the engine (else engine.state, else .mrs-backup beside the configuration)")],
  examples: ['up', 'up --state /var/lib/mrs-backup --config /etc/mrs-backup.yaml'],
  async action(context, _args, options) {
    const config = await context.config();
    const { up } = await import('../../../worker/up.ts');
    const stop = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());
    await up({ config, state: typeof options['state'] === 'string' ? options['state'] : undefined, env: process.env, say: (line) => context.say(line), signal: stop.signal });
  },
};

/** Runs a worker beside a cluster, against an engine that runs elsewhere. */
export const workerCommand: CommandSpec = {
  usage: 'worker',
  description: 'Run a worker against an engine that runs elsewhere (TEMPORAL_ADDRESS, or engine.address)',
  options: [repeated('--cluster <name>', 'only for this cluster; repeatable'), option('--state <folder>', 'folder for large temporary files')],
  examples: ['worker --cluster prod', 'worker --cluster prod --cluster standby --state /var/lib/mrs-backup'],
  async action(context, _args, options) {
    const config = await context.config();
    const clusters = (options['cluster'] as readonly string[] | undefined) ?? [];
    const { Failure } = await import('../../../contracts/failure.ts');
    const unknown = clusters.find((name) => config.clusters[name] === undefined);
    if (unknown !== undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${unknown}`, { hint: `clusters: ${Object.keys(config.clusters).join(', ')}` });
    const state = typeof options['state'] === 'string' ? ['--state', options['state']] : ['--state', config.engine.state];
    // A process of its own: the worker's native core takes the signals of its process.
    const child = spawn(process.execPath, [fileURLToPath(new URL('../../../worker/main.ts', import.meta.url)), '--config', config.file, ...state, ...clusters.flatMap((name) => ['--cluster', name])], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('message', () => context.say('worker ready'));
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name));
    const code = await new Promise<number>((done) => child.once('exit', (status) => done(status ?? 1)));
    if (code !== 0) throw new ExitCode(code);
  },
};
