import { reportFailure } from './failure.ts';
import { createOutput, type OutputFormat } from './output.ts';
import { createProgram } from './program.ts';
import { nouns, singleCommands } from './commands.ts';
import { productVersion } from '../../worker/productVersion.ts';

/** Composition root of the command line. */

// A reader that had enough (`| head`) is no error of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

const program = createProgram(nouns, singleCommands, productVersion);
let exitCode = 0;
try {
  await program.parseAsync(process.argv);
} catch (error) {
  exitCode = reportFailure(error, createOutput({ format: wantedFormat(process.argv), color: false }));
}
await flushed(process.stdout);
await flushed(process.stderr);
process.exit(exitCode);

/** The format the operator asked for, also when the command line could not be understood. */
function wantedFormat(argv: readonly string[]): OutputFormat {
  const at = argv.indexOf('--output');
  const word = at >= 0 ? argv[at + 1] : argv.find((each) => each.startsWith('--output='))?.slice('--output='.length);
  return word === 'json' || word === 'jsonl' ? word : 'text';
}

/** Everything written has left the process: exiting earlier would cut off output that goes to a pipe. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((done) => stream.write('', () => done()));
}

