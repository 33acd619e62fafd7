import { setCurrentDetails } from '@temporalio/workflow';
import type { SourceProgress } from '../contracts/run.ts';

/** How far one source instance is, in the Temporal UI. */
export function tellProgress({ phase, shards, shardsDone, files, totalFiles, bytes, totalBytes }: SourceProgress): void {
  setCurrentDetails(shards === 0 ? `**${phase}**` : `**${phase}** ${shardsDone} of ${shards} shards, ${files} of ${totalFiles} files, ${bytes} of ${totalBytes} bytes`);
}
