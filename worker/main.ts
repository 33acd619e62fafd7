import { sources } from '../components/sources.ts';
import { drivers } from '../storage/drivers.ts';
import { runWorker } from './runWorker.ts';

/** Composition root of the worker process: everything that is built. */
await runWorker({ args: process.argv.slice(2), env: process.env, sources, drivers });
