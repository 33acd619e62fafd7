import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ConformancePlace } from '../storage/conformancePlace.ts';

/** A process beside a destination check, which removes what the check leaves when it dies. */
export interface CheckGuard {
  /** Everything is removed: the guard is to end. */
  release(): Promise<void>;
}

/** @param config absolute path of the configuration. Secrets are read there by the guard itself: none is handed over. */
export function startCheckGuard(config: string, destination: string, { prefix, writer }: ConformancePlace): CheckGuard {
  // A session of its own: a signal to the check's process group, or its terminal's end, does not reach it.
  const guard = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('checkGuardProgram.ts', import.meta.url)), config, destination, prefix, writer], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // Without a guard a check is what it would be without being killed.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return {
    async release() {
      if (guard.exitCode !== null || guard.pid === undefined) return;
      const ended = once(guard, 'exit');
      // What is waited for keeps this process: with nothing else to do, it would end with Node's own exit code 13.
      guard.ref();
      guard.stdin.end('released');
      await ended;
    },
  };
}
