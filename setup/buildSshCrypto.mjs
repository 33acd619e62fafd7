import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runStep } from './runStep.mjs';
import { SetUpError } from './setUpError.mjs';

/** What ssh2 encrypts with: compiled, where this machine can, SFTP takes a third less processor time; without it, everything works as well. */
const built = (root) => join(root, 'node_modules', 'ssh2', 'lib', 'protocol', 'crypto', 'build', 'Release', 'sshcrypto.node');
/** Gone with node_modules, so that it is tried once for each; named anew when it must be made anew. */
const stamp = (root) => join(root, 'node_modules', '.mrs-backup-ssh-crypto-2');
/** Seen from the folder it is compiled in: an absolute path may have spaces. */
const firstHeader = '../../../../../../setup/objectWrapWithoutHooks.h';

/** True when it was built, or could not be. */
export function sshCryptoIsSettled(root) {
  return existsSync(stamp(root));
}

/** Builds it for a Node, with the headers that came with that, or says what it lacks. The caller holds the lock. */
export async function buildSshCrypto(root, node, hold) {
  const folder = dirname(dirname(node));
  const lacking = [...['g++', 'make', 'python3'].filter((command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0), ...(existsSync(join(folder, 'include', 'node', 'node.h')) ? [] : ['the headers of Node'])];
  if (lacking.length > 0) process.stderr.write(`set-up: the compiled part of ssh2 is left out: ${lacking.join(', ')} missing; SFTP works, and takes more processor time\n`);
  else {
    try {
      // Its own script, which ends well whatever came of it.
      await runStep({ title: 'the compiled part of ssh2', command: 'npm', args: ['rebuild', 'ssh2', '--ignore-scripts=false', '--no-audit', '--no-fund'], cwd: root, hold, env: { npm_config_nodedir: folder, CXXFLAGS: `-include ${firstHeader}`, PATH: `${dirname(node)}:${process.env.PATH}` } });
    } catch (error) {
      // One that was interrupted ends everything.
      if (!(error instanceof SetUpError) || error.exitCode > 128) throw error;
      process.stderr.write(`${error.message}\n`);
    }
    if (existsSync(built(root)) && spawnSync(node, [join(root, 'setup', 'trySshCrypto.mjs')], { stdio: 'ignore' }).status !== 0) rmSync(built(root));
    if (!existsSync(built(root))) process.stderr.write('set-up: the compiled part of ssh2 could not be built, or does not work here; SFTP works, and takes more processor time\n');
  }
  writeFileSync(stamp(root), '');
}
