import type { Entry } from '../../contracts/entry.ts';
import type { HdfsStatus } from '../../protocols/webhdfs/webHdfs.ts';
import type { Connection } from './connection.ts';
import { REPLICATION } from './placement.ts';
import type { Unit } from './targetPaths.ts';

/**
 * A folder where a file can be written that its own directory would not give the right form, or could not place at all: a new file is erasure-coded
 * (or not) as its directory says, for ever, and its blocks are on the kinds of storage its directory asks for. `undefined`: its own directory does.
 * Below the staging folder, so it goes with it. A file keeps its form when it is renamed.
 */
export async function asideFolder(connection: Connection, unit: Unit, entry: Entry, directory: HdfsStatus, signal: AbortSignal | undefined): Promise<string | undefined> {
  const has = directory.ecPolicy ?? REPLICATION;
  const wished = typeof entry.attributes['ecPolicy'] === 'string' ? entry.attributes['ecPolicy'] : REPLICATION;
  if (has === wished && directory.storagePolicy === 0 && wished === REPLICATION) return undefined;
  const { client } = connection;
  const placement = await connection.placement();
  // An empty file has no blocks to place.
  const wanted = entry.length === 0 || placement.canEncode(wished) ? wished : REPLICATION;
  const policy = (await connection.policies()).get(directory.storagePolicy);
  const unplaced = entry.length > 0 && policy !== undefined && !placement.canStore(policy);
  if (has === wanted && !unplaced) return undefined;
  const folder = `${unit.staging}/.as-${wanted}${unplaced ? '-anywhere' : ''}`;
  // Whoever needs it does all of it: several slots may be here at the same time.
  await client.mkdirs(folder, '700', signal);
  if (((await client.status(folder, signal)).ecPolicy ?? REPLICATION) !== wanted) await client.setEcPolicy(folder, wanted, signal);
  if (unplaced) await client.setStoragePolicy(folder, 'HOT', signal);
  return folder;
}
