import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process, told apart from a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot (/proc/PID/stat, field 22); `null` where the system does not tell. */
  readonly startedAt: string | null;
}

export async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, startedAt: await startTime(pid) };
}

/** Whether exactly this process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return identity.startedAt === null || (await startTime(identity.pid)) === identity.startedAt;
}

/** Ends exactly this process if it still runs: SIGTERM, and SIGKILL after a while. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  // Where a later process of the same number cannot be told apart, none is ended.
  if (identity.startedAt === null || !(await isAlive(identity))) return;
  process.kill(identity.pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < graceMs && (await isAlive(identity)); waitedMs += 100) await sleep(100);
  if (await isAlive(identity)) process.kill(identity.pid, 'SIGKILL');
}

async function startTime(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; it only waits for its parent.
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? null);
  } catch {
    return null;
  }
}
