import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { sources } from '../../components/sources.ts';
import { checkConfig } from '../../config/checkConfig.ts';
import { drivers } from '../../storage/drivers.ts';
import { fuzz, mutatedBytes, mutatedJson } from './mutate.ts';

const good = `engine: { state: /var/lib/mrs-backup, port: 7233 }
clusters:
  prod:
    services:
      HDFS: { hacluster: { webhdfs: ["http://nn1:9870"], user: hdfs } }
      DBService: { DBService: { host: db1, user: backup, password: { file: secrets/db }, databases: { hivemeta: { service: Hive, owner: hive } } } }
destinations:
  vault: { type: LocalDir, path: /backup, encryption: { passphrase: { env: VAULT } } }
  standby: { type: RemoteHDFS, webhdfs: ["http://other:9870"], user: backup, path: /mrs-backup }
tasks:
  nightly:
    cluster: prod
    sources:
      - { source: hdfs, instance: hacluster, paths: [/data], exclude: ["**/tmp/**"] }
      - { source: dbservice }
    destinations: [vault, standby]
    schedule: { every: 1d, at: "01:00", timeZone: Europe/Berlin, jitter: 10m, overlap: skip, catchUp: 6h }
    limits: { bandwidth: 200MB/s, parallel: 2 }
    verify: content
`;

/** Whatever the text: a configuration, or problems that each have a place, a message and a hint. Never neither. */
function holds(text: string): void {
  const { config, problems } = checkConfig(text, '/etc/mrs-backup.yaml', { sources, drivers });
  for (const each of problems) {
    expect(each.message).not.toBe('');
    expect(each.hint).not.toBe('');
    expect(each.line).toBeGreaterThanOrEqual(0);
  }
  if (config === undefined) expect(problems.some((each) => each.severity === 'error')).toBe(true);
}

test('the configuration that is changed is itself good', () => {
  expect(checkConfig(good, '/etc/mrs-backup.yaml', { sources, drivers }).problems.filter((each) => each.severity === 'error')).toEqual([]);
});

test('any damage of the text is a problem with a place, or another good configuration', { timeout: 120_000 }, () => {
  fc.assert(fc.property(mutatedBytes(Buffer.from(good)), (bytes) => holds(bytes.toString())), fuzz);
});

test('so is any other value in any place', { timeout: 120_000 }, () => {
  const value: unknown = parse(good);
  fc.assert(fc.property(mutatedJson(value), (changed) => holds(stringify(changed))), fuzz);
});
