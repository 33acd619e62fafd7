import { expect, test } from 'vitest';
import { createExcluder, hdfsInstanceSchema, hdfsSelectionSchema, isExcluded } from '../../components/hdfs/hdfsSchemas.ts';

const accepts = (paths: string[]): boolean => hdfsSelectionSchema.safeParse({ paths }).success;

test('a selection names absolute, normalised directories, none inside another', () => {
  expect(accepts(['/data', '/data2', '/a/b'])).toBe(true);
  for (const wrong of [[], ['/'], ['data'], ['/a/'], ['/a//b'], ['/a/../b'], ['/a/.snapshot/x'], ['/user/x/.Trash'], ['/a', '/a/b'], ['/a', '/a'], ['/a:b']]) expect(accepts(wrong), JSON.stringify(wrong)).toBe(false);
});

test('an instance is strict and needs a NameNode address', () => {
  expect(hdfsInstanceSchema.safeParse({ webhdfs: ['http://nn1:9870', 'https://nn2:9871'], user: 'hdfs' }).success).toBe(true);
  expect(hdfsInstanceSchema.safeParse({ webhdfs: [], user: 'hdfs' }).success).toBe(false);
  expect(hdfsInstanceSchema.safeParse({ webhdfs: ['ftp://nn1'], user: 'hdfs' }).success).toBe(false);
  expect(hdfsInstanceSchema.safeParse({ webhdfs: ['http://nn1:9870'], user: 'hdfs', rpc: 1 }).success).toBe(false);
});

test('what is excluded takes everything below it along, hidden names included', () => {
  const excluder = createExcluder(['/data/**/tmp', '/data/**/*.skip']);
  expect(isExcluded(excluder, '/data/a/tmp/x/y', '/data')).toBe(true);
  expect(isExcluded(excluder, '/data/.hidden.skip', '/data')).toBe(true);
  expect(isExcluded(excluder, '/data/a/tmpx', '/data')).toBe(false);
  expect(isExcluded(createExcluder(undefined), '/data/a', '/data')).toBe(false);
});
