import { execFile } from 'node:child_process';
import { chown, mkdir, writeFile, truncate } from 'node:fs/promises';
import { promisify } from 'node:util';
import { labUser } from '../../lab/asNobody.ts';

const run = promisify(execFile);

/** Mounts a small disk (ext4 in a file beside it) for the servers of a lab, whose user owns it. Needs root: without it a test fails, it does not skip. */
export async function mountLoopDisk(path: string, bytes: number): Promise<{ unmount(): Promise<void> }> {
  const image = `${path}.image`;
  await mkdir(path, { recursive: true });
  await writeFile(image, '');
  await truncate(image, bytes);
  await run('mkfs.ext4', ['-q', '-m', '0', image]);
  await run('mount', ['-o', 'loop', image, path]);
  if (labUser !== undefined) await chown(path, labUser.uid, labUser.gid);
  return {
    // Lazily: who still has something open there keeps it.
    async unmount() { await run('umount', ['-l', path]).catch(() => undefined); },
  };
}
