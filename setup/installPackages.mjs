// Fills a folder with packages of the distribution: `node installPackages.mjs FOLDER FILE,FILE… PACKAGE…`. Needs no root and leaves the system as
// it is: Debian's packages (with those they need and this machine lacks) are fetched into the folder and unpacked there. The named programs and
// libraries are what the folder is for: one that did not come (as there is no apt-get) is linked from the system.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemFile } from './systemFile.mjs';

const [folder, files, ...packages] = process.argv.slice(2);

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
  run('apt-get', [...own, 'install', '--yes', '--reinstall', '--download-only', '--no-install-recommends', ...packages]);
  for (const name of readdirSync(join(apt, 'archives'))) if (name.endsWith('.deb')) run('dpkg-deb', ['-x', join(apt, 'archives', name), folder]);
  rmSync(apt, { recursive: true });
}

/** Whether a program or a library of this name was unpacked. */
function isThere(name) {
  const libraries = join(folder, 'usr', 'lib');
  const machines = existsSync(libraries) ? readdirSync(libraries).map((each) => join('usr', 'lib', each)) : [];
  return ['usr/sbin', 'usr/bin', 'sbin', 'bin', ...machines].some((each) => existsSync(join(folder, each, name)));
}

function linkFromSystem(name) {
  const path = systemFile(name);
  if (path === undefined) throw new Error(`no ${name} was installed, and the system has none`);
  const parent = join(folder, 'usr', name.includes('.so.') ? 'lib/system-linux' : /\/sbin\//.test(path) || name === 'sshd' ? 'sbin' : 'bin');
  mkdirSync(parent, { recursive: true });
  symlinkSync(path, join(parent, name));
}

if (existsSync('/usr/bin/apt-get')) fromDebian();
for (const name of files.split(',')) if (!isThere(name)) linkFromSystem(name);
