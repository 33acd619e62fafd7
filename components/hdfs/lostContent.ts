import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.ts';

/**
 * For how long all DataNodes must have been there before a block that none of them has counts as lost. A DataNode that comes back reports its
 * blocks some moments after itself.
 */
const steadyMs = 30_000;

/**
 * Whether a stretch of a file cannot be read because blocks of it are gone for good, and not because something is down: the NameNode knows of no good
 * copy though it is out of safe mode and no DataNode is missing. Why, in a sentence; `undefined` when waiting may help. May take half a minute.
 */
export async function lostContent(connection: Connection, path: string, offset: number, length: number, signal: AbortSignal | undefined): Promise<string | undefined> {
  for (;;) {
    const bad = (await connection.client.blockLocations(path, offset, length, signal)).find((block) => block.length > 0 && (block.corrupt || block.hosts.length === 0));
    if (bad === undefined || !(await isSteady(connection, signal))) return undefined;
    const steadyFor = Date.now() - connection.steady.since!;
    if (steadyFor >= steadyMs) return `the block at ${bad.offset} ${bad.corrupt ? 'is corrupt in every copy' : 'is on no DataNode'}, though all DataNodes are there (hdfs fsck names it too)`;
    await sleep(steadyMs - steadyFor, undefined, { signal });
  }
}

/** Whether every DataNode the NameNode knows is there and has told what it has. Remembered is since when. */
async function isSteady({ client, steady }: Connection, signal: AbortSignal | undefined): Promise<boolean> {
  const [[system], [info]] = await Promise.all([client.jmx('Hadoop:service=NameNode,name=FSNamesystem', signal), client.jmx('Hadoop:service=NameNode,name=NameNodeInfo', signal)]);
  const none = (name: string): boolean => Number(system?.[name] ?? 0) === 0;
  const isIt = info?.['Safemode'] === '' && !none('NumLiveDataNodes') && none('NumDeadDataNodes') && none('StaleDataNodes') && none('NumStaleStorages');
  steady.since = isIt ? (steady.since ?? Date.now()) : undefined;
  return isIt;
}
