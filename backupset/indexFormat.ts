import { hash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import type { EntryCounts } from './entryCounts.ts';
import type { FramePool } from './framePool.ts';
import { frameHeaderBytes, maxFrameBytes, openFrame, readFrameHeader } from './frame.ts';
import { countSchema, digestSchema, formatVersion, overlayVersion, parseJson, readObject } from './jsonObject.ts';
import { indexKey } from './packKey.ts';
import type { Repository } from './repository.ts';
import { ShardLines } from './shardLines.ts';

/** A content-addressed index object. */
export interface TableRef {
  readonly digest: string;
  readonly length: number;
}

/** What a table says of one of its shards. */
export interface ShardSummary extends TableRef, Readonly<EntryCounts> {
  readonly first: string;
  readonly last: string;
}

/** What a table says of one of its overlay shards. */
export interface OverlaySummary extends TableRef {
  readonly first: string;
  readonly last: string;
  readonly lines: number;
  /** Counts of the entries in it. */
  readonly live: Readonly<EntryCounts>;
  /** Counts of the base's entries that its lines cover. */
  readonly covered: Readonly<EntryCounts>;
}

/** The shards of a source in one set; what lies in an overlay overrides the base. Without the key nothing but the objects is known. */
export interface Table {
  readonly shards: readonly TableRef[];
  readonly overlay: readonly TableRef[];
  readonly summaries: { readonly shards: readonly ShardSummary[]; readonly overlay: readonly OverlaySummary[] } | undefined;
}

/** A shard is of the base or of the overlay. */
export type ShardKind = 'shard' | 'overlay';

const smallFrameBytes = 16 << 10;
const refsSchema = z.array(z.tuple([digestSchema, countSchema])).max(2_000_000);
const clearOf = { shard: z.object({ formatVersion: z.literal(formatVersion), kind: z.literal('shard'), packs: refsSchema }), overlay: z.object({ formatVersion: z.literal(overlayVersion), kind: z.literal('overlay'), packs: refsSchema }) };
const tableClear = z.discriminatedUnion('formatVersion', [
  z.object({ formatVersion: z.literal(formatVersion), kind: z.literal('table'), shards: refsSchema }),
  z.object({ formatVersion: z.literal(overlayVersion), kind: z.literal('table'), shards: refsSchema.min(1), overlay: refsSchema.min(1) }),
]);
const keySchema = z.string().min(1);
const counts = { entries: countSchema, files: countSchema, directories: countSchema, symlinks: countSchema, gaps: countSchema, bytes: countSchema };
const shardLine = z.object({ first: keySchema, last: keySchema, ...counts });
const overlayLine = z.object({ first: keySchema, last: keySchema, lines: countSchema, live: z.object(counts), covered: z.object(counts) });

/** Lines of a table's private frame, without the ends. */
function splitLines(raw: Uint8Array): string[] {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let lines: string[];
  try {
    lines = text.decode(raw).split('\n');
  } catch (cause) {
    throw new Failure('E_CORRUPT', 'an index object is not UTF-8', { cause });
  }
  if (lines.pop() !== '') throw new Failure('E_CORRUPT', 'an index object does not end with its last line');
  return lines;
}

/** An index object, read whole, checked against its name and taken apart. The private frame is undefined when it is not wanted or the repository is open without its key. */
async function readTwoFrames(repository: Repository, pool: FramePool, ref: TableRef, signal?: AbortSignal, isPrivateWanted = true): Promise<{ readonly clear: Uint8Array; readonly secret: Uint8Array | undefined }> {
  const key = indexKey(ref.digest);
  if (ref.length > 2 * (maxFrameBytes + 256)) throw new Failure('E_CORRUPT', `${key} claims to be larger than an index object may be`);
  const bytes = await readObject(repository.session, key, ref.length, signal);
  if (bytes.length !== ref.length) throw new Failure('E_CORRUPT', `${key} has ${bytes.length} bytes instead of ${ref.length}`, { details: { kind: 'length' } });
  if (hash('sha256', bytes) !== ref.digest) throw new Failure('E_CORRUPT', `${key} has another digest than its name`, { details: { kind: 'digest' } });
  const end = frameHeaderBytes + readFrameHeader(bytes).storedLength;
  const first = bytes.subarray(0, end);
  return {
    // Mostly a few names: the way to a thread would cost more than opening it.
    clear: end <= smallFrameBytes ? openFrame(first, undefined).raw : await pool.decode(first, undefined),
    secret: repository.keyless || !isPrivateWanted ? undefined : await pool.decode(bytes.subarray(end), repository.keys),
  };
}

/** The lines of a shard. @throws Failure E_CORRUPT, E_FORMAT, E_OBJECT_NOT_FOUND, E_KEY */
export async function readShard(repository: Repository, pool: FramePool, ref: TableRef, kind: ShardKind, signal?: AbortSignal): Promise<ShardLines> {
  const { clear, secret } = await readTwoFrames(repository, pool, ref, signal);
  if (secret === undefined) throw new Failure('E_KEY', 'the index is encrypted and no key was given');
  const name = indexKey(ref.digest);
  return new ShardLines(secret, parseClear(clear, kind, name), name);
}

/** The packs that a shard uses; needs no key. @throws Failure E_CORRUPT, E_FORMAT, E_OBJECT_NOT_FOUND */
export async function readShardPacks(repository: Repository, pool: FramePool, ref: TableRef, kind: ShardKind, signal?: AbortSignal): Promise<readonly (readonly [string, number])[]> {
  return parseClear((await readTwoFrames(repository, pool, ref, signal, false)).clear, kind, indexKey(ref.digest));
}

function parseClear(clear: Uint8Array, kind: ShardKind, name: string): readonly (readonly [string, number])[] {
  return kind === 'shard' ? parseJson(clear, clearOf.shard, name).packs : parseJson(clear, clearOf.overlay, name, [overlayVersion]).packs;
}

/** A table: its shards and, with the key, what it says of them. @throws Failure E_CORRUPT, E_FORMAT, E_OBJECT_NOT_FOUND, E_KEY */
export async function readTable(repository: Repository, pool: FramePool, ref: TableRef, signal?: AbortSignal): Promise<Table> {
  const name = indexKey(ref.digest);
  const { clear, secret } = await readTwoFrames(repository, pool, ref, signal);
  const parsed = parseJson(clear, tableClear, name, [formatVersion, overlayVersion]);
  const refsOf = (refs: readonly (readonly [string, number])[]): TableRef[] => refs.map(([digest, length]) => ({ digest, length }));
  const shards = refsOf(parsed.shards);
  const overlay = refsOf('overlay' in parsed ? parsed.overlay : []);
  if (secret === undefined) return { shards, overlay, summaries: undefined };
  const lines = splitLines(secret);
  if (lines.length !== shards.length + overlay.length) throw new Failure('E_CORRUPT', `${name} describes ${lines.length} of ${shards.length + overlay.length} shards`);
  return {
    shards, overlay, summaries: {
      shards: shards.map((each, index) => ({ ...parseJson(lines[index]!, shardLine, name), ...each })),
      overlay: overlay.map((each, index) => ({ ...parseJson(lines[shards.length + index]!, overlayLine, name), ...each })),
    },
  };
}

/** Stores an index object of a clear and a private frame, unless it is there. Returns whether it was new. */
export async function writeTwoFrames(repository: Repository, pool: FramePool, clear: object, text: string, bad: ReadonlySet<string>, signal?: AbortSignal): Promise<TableRef & { readonly isNew: boolean }> {
  const encode = new TextEncoder();
  const [first, second] = await Promise.all([pool.encode(encode.encode(JSON.stringify(clear)), [undefined]), pool.encode(encode.encode(text), [repository.keys])]);
  const body = Buffer.concat([first.frames[0]!, second.frames[0]!]);
  const digest = hash('sha256', body);
  const key = indexKey(digest);
  const there = bad.has(key) ? undefined : await repository.session.stat(key, signal);
  if (there?.length === body.length) return { digest, length: body.length, isNew: false };
  await repository.session.put(key, [body], { length: body.length, sha256: digest }, signal);
  return { digest, length: body.length, isNew: true };
}

/** Merkle root: SHA-256 over the digests of the shards, base then overlay, as bytes, in order. */
export function rootOf(digests: readonly string[]): string {
  return hash('sha256', Buffer.from(digests.join(''), 'hex'));
}
