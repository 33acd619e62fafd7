import { compileCache } from '../worker/compileCache.ts';

/** The product's command line for configurations that name the sources that only measuring needs. */
compileCache(process.env);
const [{ runCli }, { benchCatalogue }] = await Promise.all([import('../client/cli/runCli.ts'), import('./catalogue.ts')]);
await runCli(benchCatalogue);
