import { readdir, readFile } from 'node:fs/promises';

/** The processes that wait beside the destination checks of a configuration, or remove what those left. */
export async function checkGuards(config: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const args = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (args.some((each) => each.endsWith('/checkGuardProgram.ts')) && args.includes(config)) found.push(Number(name));
  }
  return found;
}
