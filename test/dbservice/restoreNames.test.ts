import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RestoreTarget } from '../../components/dataSource.ts';
import { databasesOf, nameConflicts, shortOf } from '../../components/dbservice/restoreNames.ts';
import { databaseKey, databaseOfKey, pathOfKey } from '../../components/dbservice/scratch.ts';
import { applicationName, handleNameOf } from '../../components/dbservice/exportedSnapshot.ts';
import { pgFailure, toolFailure } from '../../components/dbservice/pgFailure.ts';

function target(names: readonly string[], more: Partial<RestoreTarget> = {}): RestoreTarget {
  const databases = names.map((name) => ({ name, service: 'S', owner: 'o', sizeBytes: 1, encoding: 'UTF8', tablespace: 'pg_default', extensions: [], roles: [] }));
  return { name: 'restore-20261124t120000z', mode: 'beside', existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, fromInstance: 'D', description: { version: '18', inventory: { databases }, warnings: [] }, selection: {}, only: [], ...more };
}

describe('names of restored databases', () => {
  it('fit PostgreSQL, are never cut inside a character and stay different', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((name) => Buffer.byteLength(name) <= 63), { minLength: 2, maxLength: 4 }), (names) => {
      const all = databasesOf(target(names)).flatMap((one) => [one.final, one.work, one.before]);
      for (const name of all) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
      for (const name of all) expect(Buffer.from(name).toString()).toBe(name);
      expect(new Set(all).size).toBe(all.length);
    }));
  });

  it('follow the mode and the mapping', () => {
    expect(shortOf('r1')).toBe('r1');
    const short = shortOf(target([]).name);
    expect(databasesOf(target(['hive']))[0]).toMatchObject({ final: `hive_restored_${short}` });
    expect(databasesOf(target(['hive'], { mode: 'mirror' }))[0]).toMatchObject({ final: 'hive' });
    const mapping = { instances: {}, paths: [], databases: { hive: 'h2' }, owners: {} };
    expect(databasesOf(target(['hive', 'constructor'], { mapping, mode: 'mirror' }))).toMatchObject([{ final: 'h2' }, { final: 'constructor' }]);
    expect(nameConflicts(target(['a', 'hive'], { mode: 'mirror', mapping: { ...mapping, databases: { hive: 'a' } } }), 'postgres')).toHaveLength(1);
    expect(nameConflicts(target(['postgres'], { mode: 'inPlace' }), 'postgres')).toHaveLength(1);
    expect(nameConflicts(target(['hive'], { only: ['databases/hive/dump/1.dat', 'other'] }), 'postgres')).toHaveLength(2);
    expect(databasesOf(target(['hive', 'hive2'], { only: ['databases/hive'] })).map((one) => one.database)).toEqual(['hive']);
  });
});

describe('keys', () => {
  it('give every database name back', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 63 }).filter((name) => name.isWellFormed()), (name) => {
      expect(databaseKey(name).split('/')).toHaveLength(2);
      expect(databaseOfKey(`${databaseKey(name)}/schema.sql`)).toBe(name);
      expect(pathOfKey('/s', databaseKey(name)).startsWith('/s/databases/')).toBe(true);
    }));
  });

  it.each(['../x', 'databases//x', 'databases/../../etc', '/etc', 'databases/a\0', 'databases/.'])('refuse %j', (key) => {
    expect(() => pathOfKey('/s', key)).toThrow('not a key');
  });
});

describe('names and failures', () => {
  it('find a handle again by its application name', () => {
    for (const name of ['mrs-backup.run-1.x', `mrs-backup.${'a'.repeat(49)}`, 'h1']) {
      expect(handleNameOf(applicationName(name))).toBe(name);
      expect(applicationName(name).length).toBeLessThanOrEqual(63);
    }
    expect(applicationName('x'.repeat(60)).length).toBeLessThanOrEqual(63);
  });

  it.each([['57P03', 'E_SOURCE_UNREACHABLE'], ['57P01', 'E_SOURCE_UNREACHABLE'], ['ECONNREFUSED', 'E_SOURCE_UNREACHABLE'], ['28P01', 'E_SOURCE_DENIED'], ['42501', 'E_SOURCE_DENIED'], ['3D000', 'E_SOURCE_PATH'], ['53100', 'E_SOURCE_FULL']])('%s is %s', (code, expected) => {
    expect(pgFailure(Object.assign(new Error('x'), { code }), 'database d').code).toBe(expected);
  });

  it('keep rows and statements out of what a tool said', () => {
    const failure = toolFailure('pg_restore', 'restoration', `pg_restore: error: could not execute query: ERROR:  bad\nDETAIL:  error: secret1\nCommand was: ALTER ROLE x PASSWORD 'error: secret2'\nCONTEXT:  COPY t, line 1: "error: secret3"\n`, 'exit status 1');
    expect(failure.message).toContain('bad');
    expect(failure.message).not.toContain('secret');
  });
});
