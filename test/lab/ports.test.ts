import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const keys = Array.from({ length: 200 }, (_, i) => `server.${i}`);

/** In a process of its own, as labs are made. */
async function choose(folder: string): Promise<Record<string, number>> {
  const program = `import { choosePorts } from ${JSON.stringify(new URL('../../lab/ports.ts', import.meta.url).href)}; console.log(JSON.stringify(await choosePorts(${JSON.stringify(join(folder, 'ports.json'))}, ${JSON.stringify(keys)}, {})));`;
  return JSON.parse((await run(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program])).stdout) as Record<string, number>;
}

test('labs that are made at the same time have no port in common, though nothing listens yet; a lab keeps its own', async () => {
  const folders = await Promise.all(Array.from({ length: 6 }, () => mkdtemp(join(tmpdir(), 'mrs-backup-ports-'))));
  try {
    const all = await Promise.all(folders.map(choose));
    expect(new Set(all.flatMap((ports) => Object.values(ports))).size).toBe(folders.length * keys.length);
    expect(await choose(folders[0]!)).toEqual(all[0]);
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true });
  }
});
