// Fills a folder with OpenSSH: `node installOpenssh.mjs FOLDER`. Needs no root and leaves the system as it is: Debian's packages (with those
// they need and this machine lacks) are fetched into the folder and unpacked there. Without apt-get the system's own is linked.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemOpenssh } from './systemOpenssh.mjs';

const folder = process.argv[2];

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  if (error !== undefined || status !== 0) throw new Error(`${command} ${args.at(-1)} ended with ${error?.message ?? status}`);
}

function fromDebian() {
  const apt = join(folder, 'apt');
  for (const each of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, each), { recursive: true });
  // Lists, archives and locks of our own; apt's own user could not enter a folder of ours.
  const own = ['-q', '-o', `Dir::State::Lists=${apt}/lists`, '-o', `Dir::Cache=${apt}`, '-o', `Dir::Cache::archives=${apt}/archives`, '-o', 'Debug::NoLocking=1', '-o', `APT::Sandbox::User=${process.getuid() === 0 ? 'root' : ''}`];
  run('apt-get', [...own, 'update']);
  run('apt-get', [...own, 'install', '--yes', '--reinstall', '--download-only', '--no-install-recommends', 'openssh-client', 'openssh-server']);
  for (const name of readdirSync(join(apt, 'archives'))) if (name.endsWith('.deb')) run('dpkg-deb', ['-x', join(apt, 'archives', name), folder]);
  rmSync(apt, { recursive: true });
}

function fromSystem() {
  for (const [name, path] of Object.entries(systemOpenssh())) {
    const parent = join(folder, 'usr', name === 'sshd' ? 'sbin' : 'bin');
    mkdirSync(parent, { recursive: true });
    symlinkSync(path, join(parent, name));
  }
}

if (existsSync('/usr/bin/apt-get')) fromDebian();
else fromSystem();
for (const path of ['usr/sbin/sshd', 'usr/bin/ssh-agent', 'usr/bin/ssh-add', 'usr/bin/sftp']) if (!existsSync(join(folder, path))) throw new Error(`no ${path} was installed`);
