import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const programFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/lib/ssh'];
const libraryFolders = ['/usr/lib64', '/usr/lib', '/lib64', '/lib', '/usr/local/lib'];

/** Where this machine has a program or a shared library of this name, such as `sshd` or `libnfs.so.13`; undefined when it lacks it. */
export function systemFile(name) {
  const folders = name.includes('.so.') ? [...libraryFolders.flatMap(ofMachines), ...libraryFolders] : [...(process.env.PATH ?? '').split(delimiter), ...programFolders];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Debian keeps libraries in folders named after the machine. */
function ofMachines(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.includes('-linux-')).map((name) => join(folder, name));
}
