import { createLab, type Lab } from '../lab/lab.ts';

/** A lab with these servers up, until it is disposed of, or the process is told to end: then they are stopped first. */
export async function labFor(options: Parameters<typeof createLab>[0], servers: readonly string[]): Promise<{ readonly lab: Lab } & AsyncDisposable> {
  const lab = await createLab(options);
  const end = (signal: NodeJS.Signals): void => void lab.down(servers).finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  await lab.up(servers);
  return {
    lab,
    async [Symbol.asyncDispose]() {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
      await lab.down(servers);
    },
  };
}
