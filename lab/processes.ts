import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as it was when it was started. The start time tells it from a later process that got the same id. */
export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTicks: string;
}

/** Start time of a living process; undefined when there is none or it is a zombie. */
export function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold blanks and brackets: fields are counted behind its last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function isRunning(record: ProcessRecord): boolean {
  return startTicksOf(record.pid) === record.startTicks;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly logFile: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Starts a process in a session of its own; it survives us. Output is appended to the log file. */
export async function launch({ command, args, folder, logFile, env }: Launch): Promise<ProcessRecord> {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(command, args, { cwd: folder, env, detached: true, stdio: ['ignore', log, log] });
    await new Promise<void>((done, fail) => child.once('spawn', done).once('error', fail));
    const pid = child.pid!;
    const startTicks = startTicksOf(pid) ?? 'ended';
    child.unref();
    return { pid, startTicks };
  } finally {
    closeSync(log);
  }
}

/** Runs a tool to its end; its output goes to the log file. Throws with the last lines when it fails. */
export async function runTool(tool: Launch): Promise<void> {
  const log = openSync(tool.logFile, 'a');
  try {
    const child = spawn(tool.command, tool.args, { cwd: tool.folder, env: tool.env, stdio: ['ignore', log, log] });
    const code = await new Promise<number | null>((done, fail) => child.once('exit', done).once('error', fail));
    if (code !== 0) throw new Error(`${tool.command} ended with ${code}:\n${lastLines(tool.logFile)}`);
  } finally {
    closeSync(log);
  }
}

/**
 * Sends a signal if the process is still the recorded one, then waits for its end; kills it after `patienceMs`. What it started and
 * left behind (sshd leaves its sessions) is killed.
 */
export async function endProcess(record: ProcessRecord, signal: NodeJS.Signals, patienceMs: number): Promise<void> {
  const started = descendantsOf(record.pid);
  send(record, signal);
  if (signal === 'SIGKILL') for (const each of started) send(each, 'SIGKILL');
  const start = Date.now();
  while (isRunning(record) || started.some(isRunning)) {
    if (Date.now() - start > patienceMs) return signal === 'SIGKILL' ? Promise.reject(new Error(`process ${record.pid} does not end`)) : endProcess(record, 'SIGKILL', 10_000);
    if (!isRunning(record)) for (const each of started) send(each, 'SIGKILL');
    await sleep(30);
  }
}

function send(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (!isRunning(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function descendantsOf(pid: number): ProcessRecord[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch {
    return [];
  }
  return text.split(' ').filter((word) => word !== '').flatMap((word) => {
    const startTicks = startTicksOf(Number(word));
    return startTicks === undefined ? [] : [{ pid: Number(word), startTicks }, ...descendantsOf(Number(word))];
  });
}

/** The end of a log, for an error message. */
export function lastLines(file: string, count = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '(no log)';
  }
}
