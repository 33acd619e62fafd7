import { vi } from 'vitest';

/** Does the work with this environment, in a folder, and keeps what it prints: a command in this process, without the cost of starting one. */
export async function captured<T>(folder: string, env: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<{ readonly result: T; readonly stdout: string; readonly stderr: string }> {
  const before = { env: { ...process.env }, folder: process.cwd() };
  for (const name of ['TEMPORAL_ADDRESS', 'MRS_BACKUP_CONFIG', 'NO_COLOR', 'FORCE_COLOR']) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(folder);
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) => vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
    written[name] += String(chunk);
    return true;
  }));
  try {
    return { result: await work(), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.chdir(before.folder);
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before.env);
  }
}
