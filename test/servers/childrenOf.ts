import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Process ids of the living children of a process that run a program of this name. */
export async function childrenOf(pid: number, program: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['--ppid', String(pid), '-o', 'pid=,stat=,args=']).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter((line) => line.includes(program) && !/^ *\d+ Z/.test(line)).map((line) => Number(line.trim().split(' ')[0]));
}
