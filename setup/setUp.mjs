import { join } from 'node:path';
import { buildSshCrypto, sshCryptoIsSettled } from './buildSshCrypto.mjs';
import { checkPrerequisites } from './prerequisites.mjs';
import { isInstalled, installTool } from './installTool.mjs';
import { npmDependenciesArePresent, installNpmDependencies } from './npmDependencies.mjs';
import { SetUpError } from './setUpError.mjs';
import { tools } from './tools.mjs';
import { withLock } from './setUpLock.mjs';

/**
 * Brings what `needs` names (and npm dependencies and Node 24 always) and gives the Node to run with.
 * `wishes` may fail: each that does is named, and the script goes on without it. Silent and quick when all is there. Throws SetUpError.
 */
export async function setUp({ root, toolsFolder, needs, wishes = [] }) {
  const ownNode = Number(process.versions.node.split('.')[0]) >= 24;
  const wanted = [...(ownNode ? [] : ['node']), ...needs.filter((need) => need in tools)].map((name) => ({ name, ...tools[name](root) }));
  const missing = wanted.filter((tool) => !isInstalled(toolsFolder, tool));
  const npmMissing = !npmDependenciesArePresent(root);

  const commands = new Set([...missing.map((tool) => tool.installer), ...(npmMissing ? ['npm'] : []), ...(needs.includes('java') ? ['java'] : [])]);
  checkPrerequisites(commands, missing.flatMap((tool) => tool.files ?? []));
  if (npmMissing) await withLock(join(root, '.tools', 'npm.lock'), (hold) => (npmDependenciesArePresent(root) ? undefined : installNpmDependencies(root, hold)));
  if (missing.length > 0) {
    await withLock(join(toolsFolder, 'set-up.lock'), async (hold) => {
      for (const tool of missing) if (!isInstalled(toolsFolder, tool)) await installTool(toolsFolder, tool, hold);
    });
  }
  const node = ownNode ? process.execPath : join(toolsFolder, 'node', 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (!sshCryptoIsSettled(root)) await withLock(join(root, '.tools', 'npm.lock'), (hold) => (sshCryptoIsSettled(root) ? undefined : buildSshCrypto(root, node, hold)));
  for (const name of wishes) await grant(root, toolsFolder, { name, ...tools[name](root) });
  return { node };
}

async function grant(root, toolsFolder, tool) {
  if (isInstalled(toolsFolder, tool)) return;
  try {
    checkPrerequisites(new Set([tool.installer]));
    await withLock(join(toolsFolder, 'set-up.lock'), (hold) => (isInstalled(toolsFolder, tool) ? undefined : installTool(toolsFolder, tool, hold)));
  } catch (error) {
    if (!(error instanceof SetUpError) || error.exitCode > 128) throw error;
    process.stderr.write(`set-up: ${tool.title} is missing: ${error.message}\n`);
  }
}
