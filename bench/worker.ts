import { runWorker } from '../worker/runWorker.ts';
import type { AnyDriver } from '../storage/drivers.ts';
import { benchCatalogue } from './catalogue.ts';
import { countingDriver } from './countingDriver.ts';
import { HttpRequests } from './httpRequests.ts';

/** The product's worker with the sources that only measuring needs, and every request to a destination counted. */
const counts = process.env['MRS_BACKUP_BENCH_COUNTS'];
// What is signed goes to an object store; HDFS is asked without.
const requests = new HttpRequests((request) => request.hasHeader('authorization'));
const drivers = benchCatalogue.drivers as readonly AnyDriver[];
await runWorker({ args: process.argv.slice(2), env: process.env, sources: benchCatalogue.sources, drivers: counts === undefined ? drivers : drivers.map((each) => countingDriver(each, counts, requests)) });
