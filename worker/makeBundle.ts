import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { projectFolder } from './toolPaths.ts';

/** Writes the workflows as one script into the file that is named. */
const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: (message: string) => process.stderr.write(`${message}\n`) };
const { code } = await bundleWorkflowCode({ workflowsPath: join(projectFolder, 'workflows', 'workflows.ts'), logger: quiet });
await writeFile(process.argv[2]!, code);
