import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/lib/ssh'];

/** Where this machine has the programs of OpenSSH that the lab needs; those it lacks are undefined. */
export function systemOpenssh() {
  const found = (name) => places.map((place) => join(place, name)).find((path) => existsSync(path));
  return Object.fromEntries(['sshd', 'ssh-agent', 'ssh-add', 'sftp', 'ssh'].map((name) => [name, found(name)]));
}
