import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk of its own, as an operator mounts one: it can fill up, become read-only, and be unmounted and mounted again with what is on it. */
export interface MountedDisk {
  readonly path: string;
  resize(bytes: number): Promise<void>;
  setReadOnly(readOnly: boolean): Promise<void>;
  unmount(): Promise<void>;
  mount(): Promise<void>;
  remove(): Promise<void>;
}

/** Mounts a small tmpfs, which needs root: without it a test fails, it does not skip. */
export async function mountDisk(path: string, bytes: number): Promise<MountedDisk> {
  const device = `${path}.device`;
  const options = (size: number) => `size=${size},mode=0700`;
  let size = bytes;
  await mkdir(device);
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', options(size), 'tmpfs', device]);
  const disk: MountedDisk = {
    path,
    async resize(next) {
      size = next;
      await run('mount', ['-o', `remount,${options(size)}`, device]);
    },
    async setReadOnly(readOnly) {
      // Refused while a file is open for writing, so between two of them.
      for (let tries = 0; ; tries++) {
        try {
          await run('mount', ['-o', `remount,bind,${readOnly ? 'ro' : 'rw'}`, path]);
          return;
        } catch (error) {
          if (tries === 500) throw error;
        }
      }
    },
    // Lazily: as when a disk is pulled, whoever has something open keeps it.
    async unmount() { await run('umount', ['-l', path]); },
    async mount() { await run('mount', ['--bind', device, path]); },
    async remove() {
      for (const place of [path, device]) {
        await run('umount', ['-l', place]).catch(() => undefined);
        await rm(place, { recursive: true });
      }
    },
  };
  await disk.mount();
  return disk;
}
