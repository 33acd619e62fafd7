import type { RestoreShardPhase, ShardRestored } from '../contracts/activities.ts';
import { Failure } from '../contracts/failure.ts';
import type { IndexedEntry } from '../backupset/piece.ts';
import { createContentReader } from '../backupset/readContent.ts';
import { orderedMap } from '../backupset/orderedMap.ts';
import type { RestoreContext } from './restoreContext.ts';
import { restoreShardKey } from './stagingKeys.ts';
import { readValues } from './stagedLines.ts';

/** Entries written at once: a small file costs round trips, not bytes. */
const atOnce = 32;
const cacheBytes = 32 << 20;
const mostNames = 20;

/**
 * Restores one shard. Every frame is checked before its bytes are written; an entry whose content is damaged or absent in the set is named as
 * missing and the others still come. What an earlier, interrupted call wrote is recognised and not written again.
 */
export async function restoreShard(context: RestoreContext, phase: RestoreShardPhase, shard: number): Promise<ShardRestored> {
  const entries = await restoreEntries(context, phase === 'files' ? 'files' : 'directories', shard);
  if (phase === 'settle') return await settle(context, entries);
  const reader = createContentReader(context.repository, context.pool, { cacheBytes });
  const done = { entries: 0, bytes: 0, missing: 0, missingNames: [] as string[] };
  // Parents before children: directories one after the other.
  for await (const result of orderedMap(entries, phase === 'files' ? atOnce : 1, (entry) => restoreEntry(context, entry, reader))) {
    context.signal.throwIfAborted();
    if (result.missing === undefined) {
      done.entries += 1;
      done.bytes += result.entry.length;
    } else {
      done.missing += 1;
      if (done.missingNames.length < mostNames) done.missingNames.push(`${result.entry.key}: ${result.missing}`);
    }
    context.progress(done);
  }
  return done;
}

async function settle(context: RestoreContext, entries: readonly IndexedEntry[]): Promise<ShardRestored> {
  for (const entry of entries.toReversed()) {
    context.signal.throwIfAborted();
    if (entry.gap === undefined) await context.target.settleDirectory(context.where, entry, context.signal);
  }
  return { entries: entries.length, bytes: 0, missing: 0, missingNames: [] };
}

async function restoreEntry(context: RestoreContext, entry: IndexedEntry, reader: ReturnType<typeof createContentReader>): Promise<{ readonly entry: IndexedEntry; readonly missing?: string }> {
  if (entry.gap !== undefined) return { entry, missing: entry.gap };
  if (entry.type === 'file' && entry.length > 0 && entry.pieces === undefined) return { entry, missing: 'the set has no content for it' };
  const { pieces, ...plain } = entry;
  if (await context.target.isRestored(context.where, plain, context.signal)) return { entry };
  // The target hides the reason of a body that fails; it is kept here.
  let damage: unknown;
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for await (const bytes of reader.read(pieces ?? [], { signal: context.signal })) {
        await context.took(bytes.length);
        yield bytes;
      }
    } catch (error) {
      damage = error;
      throw error;
    }
  };
  try {
    await context.target.writeEntry(context.where, plain, body(), context.signal);
    return { entry };
  } catch (error) {
    const cause = damage ?? error;
    if (damage !== undefined && cause instanceof Failure && (cause.code === 'E_CORRUPT' || cause.code === 'E_OBJECT_NOT_FOUND')) return { entry, missing: cause.message };
    throw cause;
  }
}

/** The entries of a shard, as planned. */
export async function restoreEntries(context: RestoreContext, kind: 'directories' | 'files', shard: number): Promise<IndexedEntry[]> {
  const entries = await readValues<IndexedEntry>(context.repository, context.pool, restoreShardKey(context.folder, kind, shard), context.signal);
  if (entries === undefined) throw new Failure('E_OBJECT_NOT_FOUND', `shard ${shard} of the restoration is gone from the staging area`, { hint: 'make a new plan' });
  return entries;
}
