import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a command cost. */
export interface Cost {
  /** Until it returned, and until everything it wrote was on the medium. */
  readonly seconds: number;
  readonly commandSeconds: number;
  readonly cpuSeconds: number;
  /** Largest sum over the processes involved at one moment. */
  readonly peakRssBytes: number;
}

export interface Command {
  /** A line for bash. */
  readonly line: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** File system whose writes are waited for. */
  readonly syncFolder?: string;
  /** A process that works for the command without being started by it: its tree is counted too. */
  readonly helper?: number;
}

/** Rarely: looking costs processor time that those lack who are measured. */
const everyMs = 100;
const ticksPerSecond = 100;

/** Runs a command to its end and measures it and everything it starts. @throws Error with the end of its output when it fails */
export async function measure(command: Command): Promise<Cost & { readonly stdout: string }> {
  const helperBefore = command.helper === undefined ? 0 : cpuOf(treeOf(command.helper));
  const begin = performance.now();
  const child = spawn('bash', ['-c', `set -o pipefail; TIMEFORMAT=$'\\ntimes %R %U %S'; time { ${command.line}\n}`], { cwd: command.cwd ?? '/', env: { ...process.env, ...command.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr = (stderr + text).slice(-20_000); });
  const ended = new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128))));
  let running = true;
  let peakRssBytes = 0;
  const sampled = (async () => {
    while (running) {
      const processes = treeOf(child.pid!, command.helper);
      peakRssBytes = Math.max(peakRssBytes, processes.reduce((sum, pid) => sum + rssOf(pid), 0));
      await sleep(everyMs);
    }
  })();
  const code = await ended;
  const commandSeconds = (performance.now() - begin) / 1000;
  running = false;
  if (command.syncFolder !== undefined) await new Promise<void>((done, fail) => spawn('sync', ['-f', command.syncFolder!], { stdio: 'ignore' }).once('error', fail).once('close', () => done()));
  const seconds = (performance.now() - begin) / 1000;
  await sampled;
  const [, , user, system] = /times (\S+) (\S+) (\S+)\s*$/.exec(stderr) ?? [];
  if (code !== 0) throw new Error(`${command.line} ended with ${code}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`);
  const helperCpu = command.helper === undefined ? 0 : cpuOf(treeOf(command.helper)) - helperBefore;
  return { seconds, commandSeconds, cpuSeconds: Number(user) + Number(system) + helperCpu, peakRssBytes, stdout };
}

/** Processes and all their descendants. */
export function treeOf(...roots: readonly (number | undefined)[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statFields(Number(name))?.[1]);
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = roots.filter((each) => each !== undefined);
  for (let i = 0; i < found.length; i++) found.push(...(children.get(found[i]!) ?? []));
  return found;
}

/** Processor seconds of living processes so far. */
export function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = statFields(pid);
    return fields === undefined ? sum : sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }, 0);
}

export function rssOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Fields of /proc/PID/stat behind the name: state, parent, … */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
