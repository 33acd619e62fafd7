import { Failure } from '../../contracts/failure.ts';
import type { Config } from '../../config/config.ts';
import { isNoRepository } from '../locateSet.ts';
import { openRepositoryAt, type OpenRepository } from '../openRepositoryAt.ts';
import type { ReapFailure } from './leftover.ts';

/** One look at everything the configuration names. What cannot be looked at is noted, and the others are looked at all the same. */
export interface ReapContext extends AsyncDisposable {
  readonly config: Config;
  /** Where the worker of this machine keeps its scratch files. */
  readonly stateFolder: string;
  /** Those that answer and are there. */
  readonly repositories: readonly OpenRepository[];
  /** Destinations that do not answer. */
  readonly silent: readonly string[];
  readonly failed: readonly ReapFailure[];
  /** Does the work; its failure is noted and `undefined` returned. */
  tried<T>(where: string, name: string | null, work: () => Promise<T>): Promise<T | undefined>;
}

/** Opens every repository of the configuration. The caller disposes them. */
export async function openReapContext(config: Config, stateFolder: string, signal: AbortSignal): Promise<ReapContext> {
  const failed = new Map<string, ReapFailure>();
  const tried: ReapContext['tried'] = async (where, name, work) => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const { code, message, hint } = error instanceof Failure ? error : new Failure('E_INTERNAL', String(error), { cause: error });
      failed.set(JSON.stringify([where, name]), { where, name, code, message, hint });
      return undefined;
    }
  };
  const repositories: OpenRepository[] = [];
  const silent: string[] = [];
  for (const destination of Object.keys(config.destinations)) {
    const opened = await tried(destination, null, () => openRepositoryAt({ destination, config: async () => config }).catch((error: unknown) => {
      if (isNoRepository(error)) return null;
      throw error;
    }));
    if (opened === undefined) silent.push(destination);
    else if (opened !== null) repositories.push(opened);
  }
  return {
    config, stateFolder, repositories, silent, tried,
    get failed() { return [...failed.values()]; },
    async [Symbol.asyncDispose]() {
      for (const opened of repositories) await opened[Symbol.asyncDispose]();
    },
  };
}
