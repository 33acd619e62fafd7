import { isBelow } from '../../contracts/isBelow.ts';
import { Failure } from '../../contracts/failure.ts';
import type { RestoreTarget, SetContent } from '../dataSource.ts';
import { longestName } from './dbserviceInstance.ts';
import { databaseKey, databaseOfKey, digestOf } from './scratch.ts';

/** What the set says of one of its databases; the part of the inventory a restoration uses. */
export interface InventoryDatabase {
  readonly name: string;
  readonly service: string;
  readonly owner: string;
  readonly sizeBytes: number;
  readonly encoding: string;
  readonly tablespace: string;
  readonly extensions: readonly string[];
  readonly roles: readonly string[];
}

/** One database of a restoration and every name it has on the way. */
export interface RestoredDatabase {
  /** Its name in the set. */
  readonly database: string;
  readonly service: string;
  /** The name it ends up with. */
  readonly final: string;
  /** The name it is loaded under. */
  readonly work: string;
  /** The name that keeps what had the final name before. */
  readonly before: string;
  readonly about: InventoryDatabase;
}

/** A few characters that stand for the restoration in database names. */
export function shortOf(targetName: string): string {
  const plain = targetName.replace(/[^a-z0-9]/g, '');
  return plain.length > 0 && plain.length <= 10 ? plain : digestOf(targetName, 8);
}

/** `name` + `suffix` in at most 63 bytes, never cut inside a character; a cut name carries a digest so that two stay two. */
function suffixed(name: string, suffix: string): string {
  if (Buffer.byteLength(name + suffix) <= longestName) return name + suffix;
  const mark = `~${digestOf(name, 6)}${suffix}`;
  let head = '';
  for (const char of name) {
    if (Buffer.byteLength(head + char + mark) > longestName) break;
    head += char;
  }
  return head + mark;
}

/** Databases the set holds. @throws Failure E_FORMAT when its description does not say */
export function inventoryOf(target: RestoreTarget): readonly InventoryDatabase[] {
  const list = databasesIn(target.description.inventory);
  if (list === undefined) throw new Failure('E_FORMAT', `the set of ${target.fromInstance} does not name its databases`);
  return list;
}

/** What the inventory of a set names as its databases. */
export function databasesIn(inventory: SetContent['inventory']): readonly InventoryDatabase[] | undefined {
  const list = inventory['databases'];
  return Array.isArray(list) ? (list as unknown as readonly InventoryDatabase[]) : undefined;
}

/** Whether `only` asks for this database; a key inside it asks for all of it, for a part of a dump cannot be restored. */
function wanted(target: RestoreTarget, database: string): boolean {
  if (target.only.length === 0) return true;
  const key = databaseKey(database);
  return target.only.some((only) => only === database || isBelow(key, only) || databaseOfKey(only) === database);
}

/** The databases of a restoration with their names. Pure: the same at every step of it. */
export function databasesOf(target: RestoreTarget): readonly RestoredDatabase[] {
  const short = shortOf(target.name);
  return inventoryOf(target).filter((about) => wanted(target, about.name)).map((about) => {
    const mapped = Object.hasOwn(target.mapping.databases, about.name) ? target.mapping.databases[about.name] : undefined;
    const final = mapped ?? (target.mode === 'beside' ? suffixed(about.name, `_restored_${short}`) : about.name);
    return { database: about.name, service: about.service, final, work: suffixed(final, `__mrs_${short}`), before: suffixed(final, `__before_${short}`), about };
  });
}

/** What the names alone forbid, in sentences. */
export function nameConflicts(target: RestoreTarget, maintenanceDatabase: string): readonly string[] {
  const databases = databasesOf(target);
  const conflicts: string[] = [];
  const seen = new Map<string, string>();
  for (const { database, final } of databases) {
    const other = seen.get(final);
    if (other !== undefined) conflicts.push(`databases ${other} and ${database} would both become ${final}`);
    seen.set(final, database);
    if (Buffer.byteLength(final) > longestName || final === '' || final.includes('\0')) conflicts.push(`database ${database}: PostgreSQL cannot have a database named ${JSON.stringify(final)}`);
    if (final === maintenanceDatabase) conflicts.push(`database ${final} is the one connections are made to (\`database\` of the service instance): it cannot be replaced through itself`);
    if (final === 'template0' || final === 'template1') conflicts.push(`database ${final} is a template of the server and is not replaced`);
  }
  const known = inventoryOf(target);
  for (const only of target.only) {
    if (only === 'globals.sql' || known.some(({ name }) => only === name || isBelow(databaseKey(name), only) || databaseOfKey(only) === name)) continue;
    conflicts.push(`the set has nothing named ${only}`);
  }
  for (const only of target.only) {
    const database = databaseOfKey(only);
    if (database !== undefined && only !== databaseKey(database) && known.some(({ name }) => name === database)) conflicts.push(`${only} is a part of the dump of database ${database}: only whole databases can be restored`);
  }
  return conflicts;
}
