import { z } from 'zod';
import type { Json } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import type { Handle } from '../contracts/handle.ts';
import { readEnvelope, writeEnvelope } from './envelope.ts';
import { descriptionKey, type SetRef } from './layout.ts';
import type { Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';

/** What a set keeps of a source beside its entries. */
export interface SourceDescriptionBody {
  readonly version: string;
  readonly inventory: { readonly [name: string]: Json };
  readonly warnings: readonly string[];
  /** Keys that were open for writing at the point in time: the next increment reads them again. */
  readonly openKeys: readonly string[];
  readonly handle: Handle;
  readonly selection: Json;
  readonly incrementsSinceFull: number;
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const bodySchema = z.object({
  version: z.string(), inventory: z.custom<SourceDescriptionBody['inventory']>(isObject), warnings: z.array(z.string()), openKeys: z.array(z.string()),
  handle: z.object({ name: z.string(), takenAt: z.string(), data: z.custom<Handle['data']>(isObject) }),
  selection: z.custom<Json>((value) => value !== undefined), incrementsSinceFull: z.number().int().min(0),
});

/** Returns what the manifest says of the stored document. */
export async function writeSourceDescription(repository: Repository, set: SetRef, source: string, instance: string, body: SourceDescriptionBody): Promise<{ readonly digest: string; readonly length: number }> {
  return await writeEnvelope(repository, descriptionKey(set, source, instance), body);
}

/** @throws Failure E_CORRUPT when it is not the one the manifest names */
export async function readDescription(repository: Repository, manifest: Manifest, part: Manifest['sources'][number]): Promise<SourceDescriptionBody> {
  const key = descriptionKey(manifest, part.source, part.instance);
  const parsed = bodySchema.safeParse(await readEnvelope(repository, key, part.description));
  if (!parsed.success) throw new Failure('E_CORRUPT', `${key} does not have the form of docs/format.md`);
  return parsed.data;
}
