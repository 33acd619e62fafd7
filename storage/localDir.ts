import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import { posixFailure, systemErrorName } from './posixFailure.ts';
import { openPosixSession } from './posixSession.ts';
import type { StorageDriver } from './storageDriver.ts';

const config = z.strictObject({
  type: z.literal('LocalDir'),
  path: z.string().regex(/^\/[^\0]*$/, 'an absolute path').describe('an absolute path on the machine of the worker'),
  allowRootFileSystem: z.boolean().optional().describe('accept a folder on the file system of "/", which a full backup would fill'),
});

/** Configuration of a destination of type `LocalDir`. */
export type LocalDirConfig = z.infer<typeof config>;

/** A folder of the machine the worker runs on: a disk of its own, by default. */
export const localDir: StorageDriver<LocalDirConfig> = {
  type: 'LocalDir',
  config,
  // Whether the machine of the worker is part of the cluster cannot be known; as a rule it is.
  capabilities: { durable: true, space: true, offCluster: false, limits: {} },

  async open({ path, allowRootFileSystem = false }, context) {
    const shown = `destination ${context.name} (${path})`;
    const root = await prepareRoot(path, allowRootFileSystem, context.mustExist === true, shown);
    return await openPosixSession(root, shown, context.writer);
  },
};

/** Checks the folder, and makes it when only the last name of its path is missing. Returns its real path. */
async function prepareRoot(path: string, allowRootFileSystem: boolean, mustExist: boolean, shown: string): Promise<string> {
  try {
    const clean = path.replace(/\/+$/, '') || '/';
    let real = await fs.realpath(clean).catch((error: unknown) => {
      if (systemErrorName(error) !== 'ENOENT' || mustExist) throw error;
      return undefined;
    });
    const existing = real ?? (await fs.realpath(dirname(clean)).catch((error: unknown) => {
      if (systemErrorName(error) !== 'ENOENT') throw error;
      throw new Failure('E_DESTINATION_PATH', `${shown} is not there, nor is the folder above it`, { hint: `is the disk mounted? else make ${dirname(clean)}, and let the user of the worker write there`, cause: error });
    }));
    if (!allowRootFileSystem && (await fs.stat(existing)).dev === (await fs.stat('/')).dev) {
      throw new Failure('E_DESTINATION_PATH', `${shown} is on the root file system`, {
        hint: 'mount the backup disk, or set allowRootFileSystem: true if a full root file system is acceptable',
      });
    }
    if (real === undefined) {
      await fs.mkdir(clean, { mode: 0o700 }).catch((error: unknown) => {
        if (systemErrorName(error) !== 'EEXIST') throw error;
      });
      real = await fs.realpath(clean);
    }
    const status = await fs.stat(real);
    if (!status.isDirectory()) throw new Failure('E_DESTINATION_PATH', `${shown} is not a folder`);
    // Also with the sticky bit: others could make the folders in which we are going to write.
    if ((status.mode & 0o002) !== 0) {
      throw new Failure('E_DESTINATION_DENIED', `${shown} can be changed by every user of the machine`, { hint: `chmod o-w ${real}` });
    }
    return real;
  } catch (error) {
    if (systemErrorName(error) === 'ENOENT') throw new Failure('E_DESTINATION_PATH', `${shown} is not there`, { hint: 'is the disk mounted? a link that leads nowhere is not followed either', details: { errno: 'ENOENT' }, cause: error });
    throw posixFailure(error, shown);
  }
}
