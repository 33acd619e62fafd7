/** Where a run keeps what it needs to resume: beside the data it is about, gone when the run ends. */
export function copyFolder(runKey: string, source: string, instance: string, attempt: number): string {
  return `staging/${runKey}/${encodeURIComponent(source)}@${encodeURIComponent(instance)}/${attempt}`;
}

/** `name`: of the step, as everything else it has of its own. */
export function restoreFolder(runKey: string, source: string, fromInstance: string, name: string): string {
  return `staging/${runKey}/restore/${encodeURIComponent(source)}@${encodeURIComponent(fromInstance)}-${name}`;
}

/** Packs that the run read back, of all its sources. */
export function readBackFolder(runKey: string): string {
  return `staging/${runKey}/read-back/`;
}

export const planKey = (folder: string, shard: number): string => `${folder}/plan/${shard}`;
/** Written last: the plan is whole. */
export const planSummaryKey = (folder: string): string => `${folder}/plan.done`;
export const receiptKey = (folder: string, shard: number, receipt: number): string => `${folder}/shards/${shard}/${receipt}`;
/** Written last: the shard is whole. */
export const shardDoneKey = (folder: string, shard: number): string => `${folder}/shards/${shard}/done`;
export const restoreShardKey = (folder: string, kind: 'directories' | 'files', shard: number): string => `${folder}/${kind}/${shard}`;
