import { expect, test } from 'vitest';
import { createOwnerMap, fullAclSpec, mapAclEntry } from '../../components/hdfs/owners.ts';
import { RenameMap } from '../../components/hdfs/renameMap.ts';
import { unitsOf, writtenPath } from '../../components/hdfs/targetPaths.ts';
import type { RestoreTarget } from '../../components/dataSource.ts';

function target(change: Partial<RestoreTarget>): RestoreTarget {
  return { name: 'r1', mode: 'beside', existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, fromInstance: 'hacluster', description: { version: '3', inventory: {}, warnings: [] }, selection: { paths: ['/data', '/other'] }, only: [], ...change };
}
const paths = (...pairs: [string, string][]): RestoreTarget['mapping'] => ({ instances: {}, paths: pairs.map(([from, to]) => ({ from, to })), databases: {}, owners: {} });

test('beside the original, unless a mapping says where; the longest prefix wins', () => {
  const bare = target({});
  expect(writtenPath(unitsOf(bare), '/data/a')).toBe('/data.restored-r1/a');
  const mapped = target({ mapping: paths(['/data', '/x'], ['/data/a', '/y/z']) });
  expect(writtenPath(unitsOf(mapped), '/data/b')).toBe('/x/b');
  expect(writtenPath(unitsOf(mapped), '/data/a/c')).toBe('/y/z/c');
  expect(writtenPath(unitsOf(mapped), '/other')).toBe('/other.restored-r1');
});

test('a mirror keeps its names', () => {
  const mirror = target({ mode: 'mirror' });
  expect(writtenPath(unitsOf(mirror), '/data/a')).toBe('/data/a');
});

test('in place only what was chosen is swapped', () => {
  const inPlace = target({ mode: 'inPlace', only: ['/data/a', '/data/a/b', '/data/c'] });
  expect(unitsOf(inPlace).map((unit) => [unit.final, unit.written, unit.kept])).toEqual([
    ['/data/a', '/data/.mrs-backup-r1/a', '/data/a.before-r1'],
    ['/data/c', '/data/.mrs-backup-r1/c', '/data/c.before-r1'],
  ]);
});

test('the full ACL has the mask where the group digit was', () => {
  expect(fullAclSpec(['user:bob:r-x', 'group::r--', 'default:user::rwx'], '1770')).toBe('user::rwx,user:bob:r-x,group::r--,mask::rwx,other::---,default:user::rwx');
  expect(fullAclSpec(['default:group::r-x'], '754')).toBe('user::rwx,group::r-x,other::r--,default:group::r-x');
});

test('owners are mapped there and back, in ACLs too', () => {
  const owners = createOwnerMap({ alice: 'al', anna: 'al' });
  expect(owners.to('alice')).toBe('al');
  expect(owners.from('al', 'alice')).toBe('alice');
  expect(owners.from('bob', 'alice')).toBe('bob');
  expect(mapAclEntry('default:user:alice:rwx', owners.to)).toBe('default:user:al:rwx');
  expect(mapAclEntry('group::r-x', owners.to)).toBe('group::r-x');
});

test('a rename holds for everything below it, and the longest one counts', () => {
  const renames = new RenameMap();
  renames.add('/r/a', '/r/z');
  renames.add('/r/a/b', '/r/q');
  expect(renames.toNew('/r/a/x')).toBe('/r/z/x');
  expect(renames.toNew('/r/a/b/c')).toBe('/r/q/c');
  expect(renames.toNew('/r/ab')).toBe('/r/ab');
  expect(renames.toOld('/r/z/x')).toBe('/r/a/x');
  expect(renames.toOld('/r/a')).toBeUndefined();
});
