import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { libraryFolders } from '../../lab/libraryFolders.ts';

const run = promisify(execFile);
const tool = join(process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname, 'btrfs');
/** Far more than any quota: the file system itself never fills up. The file it is in grows with what is written. */
const DISK_BYTES = 512 << 20;

/** A folder with a quota on a disk that has space: what is beyond it is refused with EDQUOT. */
export interface QuotaDisk {
  readonly path: string;
  /** What is mounted there, as the system names it. */
  readonly source: string;
  limit(bytes: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Mounts a subvolume of btrfs, whose quota is not limited yet: many a kernel has none for ext4 and tmpfs. Needs root: without it a test fails, it does not skip. */
export async function mountQuotaDisk(path: string, owner?: { readonly uid: number; readonly gid: number }): Promise<QuotaDisk> {
  const image = `${path}.image`;
  // The quota is set from outside of what it limits: from inside, one that is used up could not be raised.
  const whole = `${path}.device`;
  const volume = join(whole, 'volume');
  const unmount = async (): Promise<void> => {
    // Lazily: who still has something open there keeps it. The loop device goes with the last of them.
    for (const each of [path, whole]) await run('umount', ['-l', each]).catch(() => undefined);
    await rm(image, { force: true });
  };
  for (const each of [path, whole]) await mkdir(each, { recursive: true });
  await writeFile(image, '');
  await truncate(image, DISK_BYTES);
  try {
    await btrfs('mkfs.btrfs', '--quiet', '--mixed', image);
    await run('mount', ['-o', 'loop', image, whole]);
    await btrfs('btrfs', 'quota', 'enable', whole);
    await btrfs('btrfs', 'subvolume', 'create', volume);
    await chmod(volume, 0o700);
    if (owner !== undefined) await chown(volume, owner.uid, owner.gid);
    const source = (await run('findmnt', ['--noheadings', '--output', 'SOURCE', whole])).stdout.trim();
    await run('mount', ['-o', 'subvol=volume', source, path]);
    const id = (await btrfs('btrfs', 'inspect-internal', 'rootid', volume)).trim();
    const limit = async (most: number): Promise<void> => void (await btrfs('btrfs', 'qgroup', 'limit', String(most), `0/${id}`, whole));
    return { path, source, limit, [Symbol.asyncDispose]: unmount };
  } catch (error) {
    await unmount();
    throw error;
  }
}

/** A program that set-up brought. */
async function btrfs(program: string, ...args: readonly string[]): Promise<string> {
  const command = ['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((each) => join(tool, each, program)).find((each) => existsSync(each)) ?? program;
  return (await run(command, args, { env: { ...process.env, LD_LIBRARY_PATH: libraryFolders(tool).join(':') } })).stdout;
}
