import type { DataSource } from '../components/dataSource.ts';
import { sources } from '../components/sources.ts';
import type { Catalogue } from '../config/checkConfig.ts';
import { drivers } from '../storage/drivers.ts';
import { localTreeSource } from './localTreeSource.ts';
import { syntheticSource } from './syntheticSource.ts';

/** Everything that is built, and the sources that only measuring needs. */
export const benchCatalogue: Catalogue = { sources: [...sources, localTreeSource as DataSource, syntheticSource as DataSource], drivers };
