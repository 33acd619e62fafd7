import { compileCache } from './compileCache.ts';

/** Composition root of the worker process: everything that is built. */
compileCache(process.env);
const [{ runWorker }, { sources }, { drivers }] = await Promise.all([import('./runWorker.ts'), import('../components/sources.ts'), import('../storage/drivers.ts')]);
await runWorker({ args: process.argv.slice(2), env: process.env, sources, drivers });
