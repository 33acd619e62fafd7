// Sets up what a script needs, then runs it under Node 24.
// Plain JavaScript without dependencies: it runs before anything is installed, on Node 20 or later.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommands } from './runCommands.mjs';
import { scriptOf, scriptNames } from './scripts.mjs';
import { setUp } from './setUp.mjs';
import { SetUpError } from './setUpError.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const argv = process.argv.slice(2);
// `--prepare`: only set up and print the path of Node 24, for a caller that then becomes the program itself.
const prepareOnly = argv[0] === '--prepare';
if (prepareOnly) argv.shift();
const [name, ...args] = argv;

try {
  const script = scriptOf(name, args);
  if (script === undefined) throw new SetUpError(`there is no script ${name ?? '(none)'}; scripts are ${scriptNames.join(', ')}`, 2);
  const toolsFolder = resolve(process.env.MRS_BACKUP_TOOLS ?? join(root, '.tools'));
  const { node } = await setUp({ root, toolsFolder, needs: script.needs, wishes: script.wishes });
  if (prepareOnly) process.stdout.write(`${node}\n`);
  else process.exitCode = await runCommands({ root, node, commands: script.commands });
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
