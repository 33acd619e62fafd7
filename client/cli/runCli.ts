import { setImmediate as immediately } from 'node:timers/promises';
import type { Catalogue } from '../../config/checkConfig.ts';
import { runCommandLine } from './runCommandLine.ts';

/** The process of a command: runs the command line of the process, and ends it with the exit code. @param catalogue see runCommandLine */
export async function runCli(catalogue?: Catalogue): Promise<never> {
  // A reader that had enough (`| head`) is no error of ours: what a command came to stays its exit code, one that would go on writing ends.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    // A full disk, say: an answer that was cut off must not look like one.
    process.stderr.write(`error[E_INTERNAL]: the result could not be written: ${error.message}\nhint: look at where standard output goes\n`);
    process.exit(1);
  });
  // Nobody looks at the progress: the result still counts.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const exitCode = await runCommandLine(process.argv.slice(2), catalogue);
  process.exitCode = exitCode;
  await flushed(process.stdout);
  await flushed(process.stderr);
  // What a write came to is told only now.
  await immediately();
  process.exit(exitCode);
}

/** Everything written has left the process: exiting earlier would cut off output that goes to a pipe. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((done) => stream.write('', () => done()));
}
