import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from './toolPaths.ts';

/**
 * The workflows as one script, made once for each state of their sources: a worker then starts in half a second.
 * @param folders where it is kept: the first in which it is, or can be written
 */
export async function workflowBundle(folders: readonly [string, ...string[]]): Promise<{ readonly codePath: string }> {
  const name = `workflows-${await digestOfSources()}.js`;
  for (const folder of folders) if (await stat(join(folder, name)).then(() => true, () => false)) return { codePath: join(folder, name) };
  const folder = await firstWritable(folders);
  const codePath = join(folder, name);
  const unfinished = `${codePath}.${process.pid}`;
  // In a process of its own: the bundler's memory would stay with the worker as long as it lives.
  await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', join(projectFolder, 'worker', 'makeBundle.ts'), unfinished]);
  await rename(unfinished, codePath);
  return { codePath };
}

async function firstWritable(folders: readonly [string, ...string[]]): Promise<string> {
  for (const folder of folders) {
    const isWritable = await mkdir(folder, { recursive: true }).then(() => access(folder, constants.W_OK)).then(() => true, () => false);
    if (isWritable) return folder;
  }
  return folders[0];
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  hash.update(await readFile(join(projectFolder, 'package-lock.json')));
  for (const folder of ['workflows', 'contracts']) {
    for (const name of (await readdir(join(projectFolder, folder))).filter((each) => each.endsWith('.ts')).sort()) {
      hash.update(name);
      hash.update(await readFile(join(projectFolder, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 24);
}
