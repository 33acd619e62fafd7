import type { Catalogue } from '../../config/checkConfig.ts';
import { runCommandLine } from './runCommandLine.ts';

/** The process of a command: runs the command line of the process, and ends it with the exit code. @param catalogue see runCommandLine */
export async function runCli(catalogue?: Catalogue): Promise<never> {
  // A reader that had enough (`| head`) is no error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  const exitCode = await runCommandLine(process.argv.slice(2), catalogue);
  await flushed(process.stdout);
  await flushed(process.stderr);
  process.exit(exitCode);
}

/** Everything written has left the process: exiting earlier would cut off output that goes to a pipe. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((done) => stream.write('', () => done()));
}
