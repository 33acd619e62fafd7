import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runStep } from './runStep.mjs';
import { toolFolderNames } from './tools.mjs';

const stamp = '.complete';

/** True when the tool is there completely, in the wanted version. */
export function isInstalled(toolsFolder, tool) {
  try {
    return readFileSync(join(toolsFolder, toolFolderNames[tool.name], stamp), 'utf8') === tool.version;
  } catch {
    return false;
  }
}

/** Installs into a new folder beside the final one and renames it when complete. The caller holds the lock. */
export async function installTool(toolsFolder, tool, hold) {
  const name = toolFolderNames[tool.name];
  // A name of our own: an installer orphaned by a killed set-up may still be writing into its folder.
  const fresh = join(toolsFolder, `${name}.new-${process.pid}`);
  // Leftovers of a broken-off set-up.
  for (const each of readdirSync(toolsFolder)) if (each.startsWith(`${name}.new`) || each === `${name}.old`) rmSync(join(toolsFolder, each), { recursive: true, force: true });
  mkdirSync(fresh);
  const final = join(toolsFolder, name);
  const [command, args, env] = tool.command(fresh, final);
  await runStep({ title: tool.title, command, args, env, cwd: toolsFolder, hold });
  writeFileSync(join(fresh, stamp), tool.version);
  try {
    renameSync(final, `${final}.old`);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(fresh, final);
  rmSync(`${final}.old`, { recursive: true, force: true });
}
