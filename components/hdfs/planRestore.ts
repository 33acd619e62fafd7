import { Failure } from '../../contracts/failure.ts';
import type { RestorePlanPart, RestoreTarget } from '../dataSource.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import type { Connection } from './connection.ts';
import { parentOf } from './paths.ts';
import { unitsOf } from './targetPaths.ts';

/** Directories YARN jobs work in; restoring onto them breaks jobs that run. */
const YARN_DIRECTORIES = ['/tmp/logs', '/tmp/archived', '/tmp/hadoop-yarn/staging'];

/** Looks at the target and says what a restoration would do. */
export async function planRestore(connection: Connection, target: RestoreTarget, totals: { readonly entries: number; readonly bytes: number }): Promise<RestorePlanPart> {
  const { client } = connection;
  const steps: string[] = [];
  const conflicts: string[] = [];
  const losses: string[] = [];
  const units = unitsOf(target);
  for (const unit of units) {
    const there = await client.statusOrUndefined(unit.final);
    const inUse = YARN_DIRECTORIES.find((path) => isBelow(unit.final, path) || isBelow(path, unit.final));
    if (inUse !== undefined) losses.push(`${unit.final}: running YARN jobs use ${inUse}; stop them first`);
    if (target.mode === 'inPlace') {
      steps.push(`write ${unit.key} to ${unit.written}`, `move ${unit.final} to ${unit.kept} and ${unit.written} to ${unit.final}`);
      if (await client.statusOrUndefined(unit.kept)) conflicts.push(`${unit.kept} exists: the old content of a former restoration of this name`);
      if (there !== undefined) losses.push(`${unit.final} is replaced; what it holds now is kept as ${unit.kept}`);
      continue;
    }
    steps.push(`write ${unit.key} to ${unit.final}`);
    if (there === undefined || (there.type === 'DIRECTORY' && there.childrenNum === 0)) continue;
    if (await client.statusOrUndefined(unit.staging)) continue; // this restoration has begun already
    if (target.existing === 'fail') conflicts.push(`${unit.final} exists already`);
    else if (target.existing === 'skip' && there.type === 'FILE' && !(target.only.includes(unit.key))) conflicts.push(`${unit.final} is a file, and what would be restored there is a directory`);
    else losses.push(target.existing === 'skip' ? `${unit.final} exists: what is there already stays as it is` : `${unit.final} exists: files of the same name are overwritten, and rolling back does not bring them back`);
  }
  for (const unit of units) {
    if (target.mode === 'inPlace') continue;
    const parent = await client.statusOrUndefined(parentOf(unit.final));
    if (parent?.type === 'FILE') conflicts.push(`${parentOf(unit.final)} is a file`);
  }
  if (!(await connection.isSuperuser())) losses.push(`${client.user} is not a superuser at the target: owners, quotas and trusted attributes are not set, and what it may not write is refused`);
  const offered = new Set([...(await connection.policies()).values()]);
  for (const name of strings(target.description.inventory['storagePolicies'])) if (!offered.has(name)) losses.push(`storage policy ${name} is not known at the target; entries that have it get that of their directory`);
  const placement = await connection.placement();
  for (const name of strings(target.description.inventory['ecPolicies'])) if (!placement.canEncode(name)) losses.push(`erasure coding policy ${name} is not enabled at the target, or has too few DataNodes there; files that have it are replicated`);
  losses.push('users and groups are set by name; HDFS does not say whether they exist');
  const info = (await client.jmx('Hadoop:service=NameNode,name=NameNodeInfo'))[0] ?? {};
  // Not a full cluster: one whose NameNode was just started.
  if (info['Total'] === 0) throw new Failure('E_SOURCE_UNREACHABLE', `HDFS: no DataNode of ${connection.instance} has reported to the NameNode yet`, { hint: 'start the DataNodes; the plan is made when one has reported' });
  const { replication } = await client.serverDefaults();
  const free = typeof info['Free'] === 'number' ? info['Free'] : undefined;
  const spaceFree = await leastOf(free, connection, [...new Set(units.map((unit) => parentOf(unit.final)))]);
  return { steps, conflicts, stops: target.mode === 'inPlace' ? units.map((unit) => `whatever reads or writes ${unit.final}, for the moment of the swap`) : [], losses, spaceNeeded: totals.bytes * replication, spaceFree };
}

/** The free capacity, or less where a space quota above the target leaves less. */
async function leastOf(free: number | undefined, { client }: Connection, parents: readonly string[]): Promise<number | undefined> {
  let least = free;
  for (const parent of parents) {
    for (let path = parent; path !== '/'; path = parentOf(path)) {
      const usage = await client.quotaUsage(path).catch(() => undefined); // not there yet, or not for this user
      if (usage === undefined || usage.spaceQuota < 0) continue;
      const left = Math.max(0, usage.spaceQuota - usage.spaceConsumed);
      if (least === undefined || left < least) least = left;
    }
  }
  return least;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}
