import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/loadConfig.ts';
import { up } from '../worker/up.ts';
import { benchCatalogue } from './catalogue.ts';

/** `mrs-backup up` with the worker of the bench. */
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());
process.once('disconnect', () => stop.abort());
const config = await loadConfig({ env: process.env }, benchCatalogue);
await up({
  config, env: process.env, signal: stop.signal, workerProgram: fileURLToPath(new URL('worker.ts', import.meta.url)),
  say: (line) => process.stderr.write(`${line}\n`), ready: () => process.send?.('ready'),
});
process.disconnect?.();
