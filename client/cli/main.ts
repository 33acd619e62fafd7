import { compileCache } from '../../worker/compileCache.ts';

/** Composition root of the command line. */
compileCache(process.env);
const { runCli } = await import('./runCli.ts');
await runCli();
