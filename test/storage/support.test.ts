import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sources as builtSources } from '../../components/sources.ts';
import { directoryTypes, drivers, findDriver } from '../../storage/drivers.ts';
import { supportMatrix, type SupportFacts } from '../../support/supportMatrix.ts';
import { readSupportProofs, writeSupportProofs } from '../../support/supportProofs.ts';
import { vendorMatrix } from '../../support/vendorMatrix.ts';
import { vetoes } from '../../support/vetoes.ts';

const sources = vendorMatrix.map(({ source, kind }) => ({ name: source, kind }));
const facts: SupportFacts = { vendorMatrix, directoryTypes, drivers, sources, vetoes, proofs: [] };

function cell(source: string, type: string, given: SupportFacts = facts) {
  return supportMatrix(given).rows.find((row) => row.source === source && row.type === type);
}

test('the matrix has fourteen rows of seven types, in the vendor’s order', () => {
  const { rows } = supportMatrix(facts);
  expect(rows).toHaveLength(98);
  expect([...new Set(rows.map(({ source }) => source))]).toEqual(['oms', 'dbservice', 'flink', 'kafka', 'namenode', 'yarn', 'hbase-metadata', 'iotdb-metadata', 'clickhouse-metadata', 'hbase', 'hdfs', 'hive', 'iotdb', 'clickhouse']);
  expect([...new Set(rows.map(({ type }) => type))]).toEqual([...directoryTypes]);
});

test('what is built on both sides is supported, also where the vendor has a hole', () => {
  expect(cell('yarn', 'LocalHDFS')).toEqual({ source: 'yarn', type: 'LocalHDFS', vendor: 'no', ours: 'supported', proved: 'unproven', reason: '' });
  expect(cell('hdfs', 'RemoteHDFS')).toMatchObject({ vendor: 'yes', ours: 'supported' });
});

test('what is not built on one side is refused and says so', () => {
  expect(cell('oms', 'NFS', { ...facts, drivers: drivers.filter(({ type }) => type !== 'NFS') })).toMatchObject({ vendor: 'yes', ours: 'refused', reason: 'not built yet' });
  expect(cell('kafka', 'LocalDir', { ...facts, sources: [] })).toMatchObject({ vendor: 'yes', ours: 'refused', reason: 'not built yet' });
});

test('vetoes decide with their reason, built or not', () => {
  for (const given of [facts, { ...facts, sources: [] }]) expect(cell('namenode', 'LocalHDFS', given)).toMatchObject({ ours: 'refused', reason: expect.stringContaining('NameNodes stopped') });
  for (const type of ['LocalDir', 'LocalHDFS']) expect(cell('hbase', type)).toMatchObject({ ours: 'warning', reason: expect.stringContaining('cluster it protects') });
  expect(cell('dbservice', 'LocalHDFS')).toMatchObject({ ours: 'supported' });
});

test('a cell is proved by a record only, and never when it is refused', () => {
  const proof = (source: string, type: string) => ({ source, type, at: '2026-01-02T03:04:05Z', version: '0.1.0', servers: 'Hadoop 3.5.0' });
  const given = { ...facts, proofs: [proof('hdfs', 'RemoteHDFS'), proof('namenode', 'LocalHDFS')] };
  expect(cell('hdfs', 'RemoteHDFS', given)).toMatchObject({ proved: 'proved', reason: 'proved 2026-01-02 against Hadoop 3.5.0' });
  expect(cell('hdfs', 'LocalDir', given)).toMatchObject({ proved: 'unproven' });
  expect(cell('namenode', 'LocalHDFS', given)).toMatchObject({ ours: 'refused', proved: 'unproven' });
});

test('every pair that is built has a recorded proof, and nothing else has', async () => {
  const built = drivers.flatMap(({ type }) => builtSources.map(({ name }) => `${name} ${type}`)).sort();
  expect((await readSupportProofs()).map(({ source, type }) => `${source} ${type}`).sort()).toEqual(built);
});

test('a record replaces the older one of its pair and keeps the others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-proofs-'));
  const file = join(folder, 'proofs.json');
  const proof = (source: string, at: string) => ({ source, type: 'LocalDir', at, version: '0.1.0', servers: 'a server' });
  await writeFile(file, JSON.stringify({ formatVersion: 1, proofs: [proof('hdfs', '2026-01-01T00:00:00Z'), proof('dbservice', '2026-01-01T00:00:00Z')] }));
  await writeSupportProofs([proof('hdfs', '2026-02-02T00:00:00Z')], file);
  expect(await readSupportProofs(file)).toEqual([proof('dbservice', '2026-01-01T00:00:00Z'), proof('hdfs', '2026-02-02T00:00:00Z')]);
  await rm(folder, { recursive: true });
});

test('the recorded proofs name sources and types that exist', async () => {
  for (const { source, type } of await readSupportProofs()) {
    expect(vendorMatrix.map((row) => row.source)).toContain(source);
    expect(directoryTypes).toContain(type);
  }
});

test('a directory type that is not built, or not known, is refused with what there is', () => {
  expect(findDriver('LocalDir').type).toBe('LocalDir');
  for (const type of ['NFS', 'CIFS']) expect(() => findDriver(type, drivers.filter((each) => each.type !== type))).toThrow(expect.objectContaining({ code: 'E_NOT_BUILT', message: expect.stringContaining(type) }));
  expect(() => findDriver('LocalDirr')).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED', hint: expect.stringMatching(/LocalDir\?.*RemoteHDFS/) }));
});
