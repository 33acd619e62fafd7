import { createHash } from 'node:crypto';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runStep } from './runStep.mjs';

const stampOf = (root) => join(root, 'node_modules', '.mrs-backup-lock-digest');
const digestOf = (root) => createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex');

/** True when node_modules was installed completely from the present lock file. */
export function npmDependenciesArePresent(root) {
  try {
    return readFileSync(stampOf(root), 'utf8') === digestOf(root);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/** The caller holds the lock. `npm ci` removes node_modules, and with it the stamp, before it begins. */
export async function installNpmDependencies(root, hold) {
  const digest = digestOf(root);
  await runStep({ title: 'npm dependencies', command: 'npm', args: ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], cwd: root, hold });
  // For `npx mrs-backup` from the clone.
  const link = join(root, 'node_modules', '.bin', 'mrs-backup');
  rmSync(link, { force: true });
  symlinkSync('../../mrs-backup', link);
  writeFileSync(stampOf(root), digest);
}
