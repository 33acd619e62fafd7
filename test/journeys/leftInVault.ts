import { readdir } from 'node:fs/promises';

/** What is in the folder of a repository beside sealed sets, by name. */
export async function leftInVault(vault: string): Promise<string[]> {
  return (await readdir(vault, { recursive: true })).filter((name) => name.startsWith('staging') || /^\.tmp\/./.test(name) || name.includes('%old'));
}
