import type { Catalogue } from '../../config/checkConfig.ts';
import { runCommandLine } from './runCommandLine.ts';

/** The process of a command: runs the command line of the process, and ends it with the exit code. @param catalogue see runCommandLine */
export async function runCli(catalogue?: Catalogue): Promise<never> {
  // A reader that had enough (`| head`) is no error of ours: what a command came to stays its exit code, one that would go on writing ends.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  // Nobody looks at the progress: the result still counts.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const exitCode = await runCommandLine(process.argv.slice(2), catalogue);
  process.exitCode = exitCode;
  await flushed(process.stdout);
  await flushed(process.stderr);
  process.exit(exitCode);
}

/** Everything written has left the process: exiting earlier would cut off output that goes to a pipe. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((done) => stream.write('', () => done()));
}
