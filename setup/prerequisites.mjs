import { spawnSync } from 'node:child_process';
import { SetUpError } from './setUpError.mjs';
import { systemFile } from './systemFile.mjs';

/** Per command: undefined when it is good, else what is wrong and how to get it. */
const checks = {
  npm: () => (runs('npm', ['--version']) ? undefined : 'npm is missing: apt-get install npm (it comes with most packages of Node)'),
  pip: () => {
    if (!runs('python3', ['--version'])) return 'python3 is missing: apt-get install python3 python3-pip';
    return runs('python3', ['-m', 'pip', '--version']) ? undefined : 'pip of python3 is missing: apt-get install python3-pip';
  },
  apt: (files) => {
    if (runs('apt-get', ['--version']) && runs('dpkg-deb', ['--version'])) return undefined;
    const lacking = files.filter((name) => systemFile(name) === undefined);
    return lacking.length === 0 ? undefined : `${lacking.join(', ')} are missing, and so is apt-get, which would bring them: install the packages of your distribution that hold them`;
  },
  venv: () => (runs('python3', ['-m', 'venv', '--help']) ? undefined : 'python3 -m venv is missing: apt-get install python3 python3-venv'),
  go: () => (runs('go', ['version']) ? undefined : 'go is missing: apt-get install golang'),
  java: () => {
    const { status, stderr, stdout } = spawnSync('java', ['-version'], { encoding: 'utf8' });
    if (status !== 0) return 'java is missing: apt-get install openjdk-17-jre-headless';
    const version = /version "(?:1\.)?(\d+)/.exec(`${stderr}${stdout}`)?.[1];
    return Number(version) >= 17 ? undefined : `java ${version ?? 'of an unknown version'} is too old, 17 or later is needed: apt-get install openjdk-17-jre-headless`;
  },
  mvn: () => {
    const { error } = spawnSync('mvn', ['-version'], { stdio: 'ignore' });
    // One that is there and does not run lacks its Java, which is named by itself.
    return error === undefined ? undefined : 'mvn is missing: apt-get install maven';
  },
};

/** Checks the named commands and throws one error that names everything wrong. `files` are wanted of the distribution: where there is no apt-get, the system must have them. */
export function checkPrerequisites(commands, files = []) {
  const problems = Object.keys(checks).filter((name) => commands.has(name)).map((name) => checks[name](files)).filter((each) => each !== undefined);
  if (problems.length > 0) throw new SetUpError(`set-up needs what this machine lacks:\n${problems.map((each) => `  ${each}`).join('\n')}`, 2);
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
