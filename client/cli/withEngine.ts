import { Failure } from '../../contracts/failure.ts';
import type { Config } from '../../config/config.ts';
import type { Engine } from '../engine.ts';
import type { CommandContext } from './context.ts';
import { createProgress } from './progress.ts';

/** Connects, works, and closes the connection whatever happens. */
export async function withEngine<T>(context: CommandContext, work: (engine: Engine, config: Config) => Promise<T>): Promise<T> {
  const config = await context.config();
  const { connectEngine } = await import('../engine.ts');
  await using engine = await connectEngine(config);
  return await work(engine, config);
}

/**
 * Attaches to a run until it ends and returns its result. Ctrl-C, or a TERM, detaches: the run goes on.
 * @throws Failure with the code the run ended with; E_INTERRUPTED after Ctrl-C
 */
export async function attach<T>(context: CommandContext, engine: Engine, runId: string): Promise<T> {
  const { watchRun } = await import('../watchRun.ts');
  const progress = await createProgress({ quiet: context.quiet, isTerminal: process.stderr.isTTY === true });
  const detach = new AbortController();
  const onSignal = () => detach.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    return await watchRun<T>(engine, runId, (view) => progress.show(view), detach.signal, progress.everyMs);
  } catch (error) {
    if (!detach.signal.aborted) throw error;
    throw new Failure('E_INTERRUPTED', `detached from ${runId}, which goes on`, { hint: `mrs-backup run watch ${runId} attaches again, mrs-backup run cancel ${runId} ends it`, details: { runId } });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    progress.stop();
  }
}
