import type { Catalogue } from '../../config/checkConfig.ts';
import { productVersion } from '../../worker/productVersion.ts';
import { nouns, singleCommands } from './commands.ts';
import { reportFailure } from './failure.ts';
import { createOutput, type OutputFormat } from './output.ts';
import { createProgram } from './program.ts';

/** Runs one command line, without the name of the program, and returns its exit code. Prints what there is to print. @param catalogue what a configuration may name; by default everything that is built */
export async function runCommandLine(args: readonly string[], catalogue?: Catalogue): Promise<number> {
  try {
    await createProgram(nouns, singleCommands, productVersion, catalogue).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return reportFailure(error, createOutput({ format: wantedFormat(args), color: false }));
  }
}

/** The format the operator asked for, also when the command line could not be understood. */
function wantedFormat(args: readonly string[]): OutputFormat {
  const at = args.indexOf('--output');
  const word = at >= 0 ? args[at + 1] : args.find((each) => each.startsWith('--output='))?.slice('--output='.length);
  return word === 'json' || word === 'jsonl' ? word : 'text';
}
