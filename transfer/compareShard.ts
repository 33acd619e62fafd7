import type { ShardCompared } from '../contracts/activities.ts';
import type { Json } from '../contracts/entry.ts';
import type { IndexedEntry } from '../backupset/piece.ts';
import { orderedMap } from '../backupset/orderedMap.ts';
import { PieceDigester } from './pieceDigester.ts';
import type { RestoreContext } from './restoreContext.ts';
import { restoreEntries } from './restoreShard.ts';

const atOnce = 16;
const mostNames = 20;

/** Compares one shard with what lies at the target, attributes and every byte (or what stands for them), through the target's own read path. */
export async function compareShard(context: RestoreContext, kind: 'directories' | 'files', shard: number, incomparableAttributes: readonly string[]): Promise<ShardCompared> {
  const entries = (await restoreEntries(context, kind, shard)).filter((entry) => entry.gap === undefined && (entry.type !== 'file' || context.target.comparable(entry) !== 'nothing'));
  const done = { compared: 0, bytes: 0, differences: 0, differing: [] as string[] };
  for await (const { entry, difference } of orderedMap(entries, atOnce, async (entry) => ({ entry, difference: await differenceOf(context, entry, incomparableAttributes) }))) {
    context.signal.throwIfAborted();
    done.compared += 1;
    done.bytes += entry.length;
    if (difference !== undefined) {
      done.differences += 1;
      if (done.differing.length < mostNames) done.differing.push(`${entry.key}: ${difference}`);
    }
    context.progress({ entries: done.compared, bytes: done.bytes });
  }
  return done;
}

async function differenceOf(context: RestoreContext, entry: IndexedEntry, incomparable: readonly string[]): Promise<string | undefined> {
  const there = await context.target.statRestored(context.where, entry, context.signal);
  if (there === undefined) return 'missing at the target';
  if (there.type !== entry.type) return `is a ${there.type}, should be a ${entry.type}`;
  if (there.length !== entry.length) return `has ${there.length} bytes, should have ${entry.length}`;
  for (const name of new Set([...Object.keys(entry.attributes), ...Object.keys(there.attributes)])) {
    if (incomparable.includes(name)) continue;
    const is = canonical(there.attributes[name]);
    const should = canonical(entry.attributes[name]);
    if (is !== should) return `${name} is ${is}, should be ${should}`;
  }
  if (entry.type !== 'file' || entry.length === 0 || context.target.comparable(entry) === 'attributes') return undefined;
  const digester = new PieceDigester(entry.pieces ?? [], context.repository.chunkBytes);
  for await (const bytes of context.target.readRestored(context.where, entry, context.signal)) {
    digester.update(bytes);
    await context.took(bytes.length);
  }
  const at = digester.differsAt();
  return at === undefined ? undefined : `content differs from byte ${at}`;
}

/** JSON with sorted keys; absent and empty are the same. */
function canonical(value: Json | undefined): string {
  if (value === undefined || value === null) return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `[${value.map((each) => canonical(each as Json)).join(',')}]`;
  if (typeof value === 'object') {
    const parts = Object.entries(value as Record<string, Json>).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => `${key}:${canonical(each)}`);
    return parts.length === 0 ? 'none' : `{${parts.join(',')}}`;
  }
  return JSON.stringify(value);
}
