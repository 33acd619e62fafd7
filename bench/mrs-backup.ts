import { runCli } from '../client/cli/runCli.ts';
import { benchCatalogue } from './catalogue.ts';

/** The product's command line for configurations that name the sources that only measuring needs. */
await runCli(benchCatalogue);
