import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { DataSource } from '../../components/dataSource.ts';
import { dbserviceInstance, dbserviceSelection } from '../../components/dbservice/dbserviceInstance.ts';
import { checkConfig, type Catalogue } from '../../config/checkConfig.ts';
import { explain } from '../../config/explain.ts';
import { drivers } from '../../storage/drivers.ts';

/** The schemas are what is looked at; nothing is connected. */
function source(name: string, component: string, instance: z.ZodType, selection: z.ZodType): DataSource {
  return { name, component, kind: 'serviceData', instance, selection, chunking: 'fixed', runsAfter: [], neverWith: {}, incomparableAttributes: [], covered: () => 'none', ownsKey: () => true, connect: () => Promise.reject(new Error('not connected in this test')) };
}

const catalogue: Catalogue = {
  drivers,
  sources: [
    source('hdfs', 'HDFS', z.strictObject({ webhdfs: z.array(z.string()).min(1), user: z.string() }), z.strictObject({ paths: z.array(z.string()).min(1), exclude: z.array(z.string()).default([]) })),
    source('dbservice', 'DBService', dbserviceInstance, dbserviceSelection),
  ],
};

const good = `clusters:
  prod:
    services:
      HDFS:
        hacluster: { webhdfs: ["http://nn1:9870"], user: hdfs }
        ns2: { webhdfs: ["http://nn3:9870"], user: hdfs }
      DBService:
        DBService:
          host: db1
          user: backup
          password: { file: secrets/db }
          databases: { hivemeta: { service: Hive, owner: hive } }
destinations:
  vault: { type: LocalDir, path: /backup }
  standby: { type: RemoteHDFS, webhdfs: ["http://other:9870"], user: backup, path: /mrs-backup }
tasks:
  nightly:
    cluster: prod
    sources:
      - { source: hdfs, instance: hacluster, paths: [/data, /user/hive/warehouse] }
      - { source: dbservice }
    destinations: [vault, standby]
    schedule: { every: 1d, at: "01:00", timeZone: Europe/Berlin, jitter: 10m, overlap: skip, catchUp: 6h }
    limits: { bandwidth: 200MB/s, parallel: 2 }
    verify: content
`;

const check = (text: string) => checkConfig(text, '/etc/mrs/mrs-backup.yaml', catalogue);
const lineWith = (text: string, part: string) => text.split('\n').findIndex((line) => line.includes(part)) + 1;

describe('a good configuration', () => {
  test('has no problem, and every default is filled in', () => {
    const { problems, config } = check(good);
    expect(problems).toEqual([]);
    const task = config?.tasks['nightly'];
    expect(task).toMatchObject({
      cluster: 'prod', destinations: ['vault', 'standby'], verify: 'content', limits: { bandwidth: 200_000_000, parallel: 2 }, policy: { incremental: true, fullEvery: null },
      schedule: { everyMs: 86_400_000, cron: undefined, atMinutes: 60, timeZone: 'Europe/Berlin', jitterMs: 600_000, overlap: 'skip', catchUpMs: 21_600_000 },
    });
    expect(config?.engine).toEqual({ address: undefined, port: undefined, uiPort: undefined, state: '/etc/mrs/.mrs-backup', namespace: 'default' });
    expect(config?.clusters['prod']?.services['DBService']?.['DBService']).toMatchObject({ port: 5432, password: { file: 'secrets/db' } });
  });

  test('a source without instance means all instances of its service', () => {
    const { config } = check(good.replace('instance: hacluster, ', ''));
    expect(config?.tasks['nightly']?.sources.map((ref) => `${ref.source}@${ref.instance}`)).toEqual(['hdfs@hacluster', 'hdfs@ns2', 'dbservice@DBService']);
  });

  test('a LocalHDFS destination reaches HDFS as its instance does', () => {
    const { config, problems } = check(good.replace('  vault: { type: LocalDir, path: /backup }', '  vault: { type: LocalHDFS, cluster: prod, instance: ns2, path: /backup }'));
    expect(problems).toEqual([]);
    expect(config?.destinations['vault']?.settings).toMatchObject({ webhdfs: ['http://nn3:9870'], user: 'hdfs', path: '/backup' });
  });

  test('retention is accepted with a warning that it is not enforced', () => {
    const text = good.replace('    verify: content', '    retention: { copies: 7, keepDays: 30, minimumVerified: 2 }\n    verify: content');
    const { config, problems } = check(text);
    expect(problems).toEqual([expect.objectContaining({ path: 'tasks.nightly.retention', severity: 'warning', line: lineWith(text, 'retention') })]);
    expect(config?.tasks['nightly']?.retention).toEqual({ copies: 7, keepDays: 30, minimumVerified: 2 });
  });

  test('explain names the line or the default of every value, and shows secrets as references', () => {
    const rows = explain(check(good));
    const row = (key: string) => rows.find((each) => each.key === key);
    expect(row('tasks.nightly.limits.parallel')).toMatchObject({ value: '2', from: `line ${lineWith(good, 'parallel')}` });
    expect(row('tasks.nightly.policy.incremental')).toMatchObject({ value: 'true', from: 'default' });
    expect(row('clusters.prod.services.DBService.DBService.port')).toMatchObject({ value: '5432', from: 'default' });
    expect(row('clusters.prod.services.DBService.DBService.password')).toMatchObject({ value: '{"file":"secrets/db"}', from: `line ${lineWith(good, 'password')}` });
    expect(explain(check(good), 'tasks.nightly.limits').map((each) => each.key)).toEqual(['tasks.nightly.limits.bandwidth', 'tasks.nightly.limits.parallel']);
  });
});

describe('a schedule', () => {
  const taking = (schedule: string) => check(good.replace(/schedule: .*/, `schedule: ${schedule}`)).problems;
  test.each(['0 1 * * *', '*/7 0-4/2 1,15 jan,DEC *', '0 0 * * 7', '5 4 1-31/2 * sun'])('takes the cron expression %s', (cron) => expect(taking(`{ cron: "${cron}" }`)).toEqual([]));
  test.each(['60 1 * * *', '0 0 0 * *', '0 0 1 13 *', '0 0 * * 8', '0 0 * * fri-mon', '0 0 L * *', '0 0 ? * mon-fri', '*/0 0 * * *', '0 0 * *', '0 0 * * * *', '@daily', '-1 0 * * *', 'a 0 * * *', '1- 0 * * *', '1,,2 0 * * *'])('refuses the cron expression %s', (cron) => expect(taking(`{ cron: "${cron}" }`)).toHaveLength(1));
  test.each(['{ every: 7d, at: "01:00" }', '{ every: 5h, timeZone: UTC }', '{ every: 6h, at: "01:30", timeZone: Asia/Kolkata }', '{ every: 10s }'])('takes %s', (schedule) => expect(taking(schedule)).toEqual([]));
});

describe('every kind of problem is named with its line and a hint', () => {
  const cases: readonly { name: string; from: string; to: string; line: string; path: string; message: RegExp; hint?: RegExp }[] = [
    { name: 'an unknown key at the top', from: 'tasks:\n', to: 'taks:\n', line: 'taks:', path: 'taks', message: /unknown key "taks"/, hint: /did you mean "tasks"/ },
    { name: 'an unknown key of a task', from: 'verify: content', to: 'verfy: content', line: 'verfy', path: 'tasks.nightly.verfy', message: /unknown key/, hint: /"verify"/ },
    { name: 'an unknown key of a schedule', from: 'jitter: 10m', to: 'jiter: 10m', line: 'jiter', path: 'tasks.nightly.schedule.jiter', message: /unknown key/, hint: /"jitter"/ },
    { name: 'an unknown key of a selection', from: 'paths: [/data', to: 'path: [/data', line: 'path: [/data', path: 'tasks.nightly.sources.0.path', message: /unknown key/, hint: /"paths"/ },
    { name: 'an unknown key of an instance', from: '          host: db1', to: '          hst: db1', line: 'hst:', path: 'clusters.prod.services.DBService.DBService.hst', message: /unknown key/, hint: /"host"/ },
    { name: 'an unknown key of a destination', from: 'user: backup, path', to: 'usr: backup, path', line: 'usr: backup', path: 'destinations.standby.usr', message: /unknown key/, hint: /"user"/ },
    { name: 'an unknown service', from: '      HDFS:', to: '      HDSF:', line: 'HDSF', path: 'clusters.prod.services.HDSF', message: /unknown service/, hint: /"HDFS"/ },
    { name: 'an unknown destination type', from: 'LocalDir', to: 'LocalDri', line: 'LocalDri', path: 'destinations.vault.type', message: /unknown destination type/, hint: /LocalDir/ },
    { name: 'an unknown data source', from: 'source: dbservice', to: 'source: dbservce', line: 'dbservce', path: 'tasks.nightly.sources.1.source', message: /no data source/, hint: /"dbservice"/ },
    { name: 'an unknown cluster', from: 'cluster: prod', to: 'cluster: prd', line: 'cluster: prd', path: 'tasks.nightly.cluster', message: /no cluster "prd"/, hint: /"prod"/ },
    { name: 'an unknown destination', from: '[vault, standby]', to: '[valt, standby]', line: 'valt', path: 'tasks.nightly.destinations.0', message: /no destination "valt"/, hint: /"vault"/ },
    { name: 'an unknown instance', from: 'instance: hacluster', to: 'instance: haclustr', line: 'haclustr', path: 'tasks.nightly.sources.0.instance', message: /no usable HDFS instance/, hint: /"hacluster"/ },
    { name: 'a wrong type', from: 'parallel: 2', to: 'parallel: many', line: 'many', path: 'tasks.nightly.limits.parallel', message: /must be a whole number|must be a number/ },
    { name: 'a wrong choice', from: 'verify: content', to: 'verify: contents', line: 'contents', path: 'tasks.nightly.verify', message: /not one of/, hint: /content/ },
    { name: 'a missing key', from: '          host: db1\n', to: '', line: '        DBService:', path: 'clusters.prod.services.DBService.DBService.host', message: /host is missing/ },
    { name: 'a duration that is none', from: 'jitter: 10m', to: 'jitter: soon', line: 'soon', path: 'tasks.nightly.schedule.jitter', message: /not a duration/ },
    { name: 'a rate that may mean bits', from: '200MB/s', to: '200Mb/s', line: '200Mb/s', path: 'tasks.nightly.limits.bandwidth', message: /not a rate/ },
    { name: 'a time zone that is none', from: 'Europe/Berlin', to: 'Europe/Berln', line: 'Berln', path: 'tasks.nightly.schedule.timeZone', message: /not a time zone/ },
    { name: 'every and cron at once', from: 'every: 1d, at: "01:00"', to: 'every: 1d, cron: "0 1 * * *"', line: 'cron', path: 'tasks.nightly.schedule', message: /exactly one of every and cron/ },
    { name: 'a cron expression beyond its borders', from: 'every: 1d, at: "01:00"', to: 'cron: "0 24 * * *"', line: 'cron', path: 'tasks.nightly.schedule.cron', message: /not a cron expression/ },
    { name: 'a time zone of an interval that has no times of day', from: 'every: 1d', to: 'every: 7d', line: 'every: 7d', path: 'tasks.nightly.schedule.timeZone', message: /divides a day.*cron/ },
    { name: 'a jitter as long as its interval', from: 'every: 1d, at: "01:00"', to: 'every: 10m', line: 'every: 10m', path: 'tasks.nightly.schedule.jitter', message: /shorter than the interval/ },
    { name: 'a number that is too small', from: 'parallel: 2', to: 'parallel: 0', line: 'parallel: 0', path: 'tasks.nightly.limits.parallel', message: /^must be at least 1$/ },
    { name: 'a list that is too short', from: '[vault, standby]', to: '[]', line: 'destinations: []', path: 'tasks.nightly.destinations', message: /^must be at least 1 long$/ },
    { name: 'a secret with two places', from: '{ file: secrets/db }', to: '{ file: secrets/db, env: DB }', line: 'secrets/db', path: 'clusters.prod.services.DBService.DBService.password', message: /a file and a variable/, hint: /keep one/ },
    { name: 'a second document', from: 'tasks:\n', to: '---\ntasks:\n', line: '---', path: '', message: /second document/ },
    { name: 'overlapping paths', from: '[/data, /user/hive/warehouse]', to: '[/data, /data/sales]', line: '/data/sales', path: 'tasks.nightly.sources.0.paths.1', message: /\/data\/sales overlaps with \/data/ },
    { name: 'the same instance twice', from: '      - { source: dbservice }', to: '      - { source: hdfs, instance: hacluster, paths: [/x] }', line: 'paths: [/x]', path: 'tasks.nightly.sources.1', message: /selected twice/ },
    { name: 'a repository inside what is backed up', from: '{ type: LocalDir, path: /backup }', to: '{ type: LocalHDFS, cluster: prod, instance: hacluster, path: /data/backup }', line: 'source: hdfs', path: 'tasks.nightly.sources.0', message: /\/data contains the destination vault/ },
    { name: 'the same, reached in other words', from: '{ type: LocalDir, path: /backup }', to: "{ type: RemoteHDFS, webhdfs: ['http://NN1:9870/'], user: hdfs, path: /data/backup }", line: 'source: hdfs', path: 'tasks.nightly.sources.0', message: /\/data contains the destination vault/ },
    { name: 'overlapping destinations', from: '  standby:', to: '  second: { type: LocalDir, path: /backup/second }\n  standby:', line: 'second:', path: 'destinations.second', message: /overlaps with the destination vault/ },
    { name: 'a share that is reached twice, with and without a mount', from: '  standby:', to: `  one: { type: CIFS, server: NAS, share: Backup, path: /a, user: u, password: { env: P } }\n  two: { type: CIFS, mountPath: /mnt/nas, source: //nas/backup, path: a/b }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'a folder of which only one of two says that it may be on the root file system', from: '  standby:', to: '  second: { type: LocalDir, path: /backup//second/, allowRootFileSystem: true }\n  standby:', line: 'second:', path: 'destinations.second', message: /overlaps with the destination vault/ },
    { name: 'an export that is reached twice, under names of the server that mean the same', from: '  standby:', to: `  one: { type: NFS, server: Filer, export: /vol, path: a, nfsPort: 2049 }\n  two: { type: NFS, mountPath: /mnt/filer, source: 'filer.:/vol/a' }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'a folder of a share under names that differ by their case', from: '  standby:', to: `  one: { type: CIFS, server: nas, share: backup, path: Prod, guest: true }\n  two: { type: CIFS, server: nas, share: BACKUP, path: prod/x, guest: true }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'a bucket whose endpoint is written twice in other words', from: '  standby:', to: `  one: { type: OBS, endpoint: 'https://obs.internal', bucket: backups, path: p, accessKey: { env: A }, secretKey: { env: S } }\n  two: { type: OBS, endpoint: 'https://OBS.internal:443/', bucket: backups, path: p/q, accessKey: { env: A }, secretKey: { env: S } }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'a NameService of which one block names fewer NameNodes', from: '  standby:', to: `  one: { type: RemoteHDFS, webhdfs: ['http://far1:9870', 'http://far2:9870'], user: u, path: /b }\n  two: { type: RemoteHDFS, webhdfs: ['http://FAR2:9870/'], user: v, path: /b/c }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'an export of a server whose name and port are written twice in other words', from: '  standby:', to: `  one: { type: NFS, server: Filer, export: /v }\n  two: { type: NFS, server: filer, export: /v/w, nfsPort: 2049 }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'a folder of an SFTP user beside all that is his', from: '  standby:', to: `  one: { type: SFTP, host: far, user: u, path: ./, agent: true, knownHosts: /etc/known }\n  two: { type: SFTP, host: far, user: u, path: a, agent: true, knownHosts: /etc/known }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'a share that is to be reached with and without a mount', from: '  standby:', to: `  one: { type: NFS, server: filer, export: /x, mountPath: /mnt/x }\n  standby:`, line: 'one:', path: 'destinations.one.mountPath', message: /"mountPath" does not go with the other keys/, hint: /remove/ },
    { name: 'a folder that SMB cannot name', from: '  standby:', to: `  one: { type: CIFS, server: nas, share: backup, path: 'a:b', guest: true }\n  standby:`, line: 'one:', path: 'destinations.one.path', message: /without/ },
    { name: 'a CIFS share without a password', from: '  standby:', to: `  one: { type: CIFS, server: nas, share: backup, user: u }\n  standby:`, line: 'one:', path: 'destinations.one.user', message: /needs user and password, or guest: true/ },
    { name: 'a mount of another form than that of its type', from: '  standby:', to: `  one: { type: NFS, mountPath: /mnt/nas, source: //nas/backup }\n  standby:`, line: 'one:', path: 'destinations.one.source', message: /server:\/export/ },
    { name: 'two destinations in one folder of an SFTP server', from: '  standby:', to: `  one: { type: SFTP, host: far, user: u, path: /a, password: { env: P }, hostKey: SHA256:${'a'.repeat(43)} }\n  two: { type: SFTP, host: far, port: 22, user: u, path: /a/b, agent: true, knownHosts: /etc/known }\n  standby:`, line: 'two:', path: 'destinations.two', message: /overlaps with the destination one/ },
    { name: 'an SFTP server that would not be checked', from: '  standby:', to: '  one: { type: SFTP, host: far, user: u, path: /a, password: { env: P } }\n  standby:', line: 'one:', path: 'destinations.one', message: /exactly one of hostKey and knownHosts/ },
    { name: 'an SFTP password in plain text', from: '  standby:', to: `  one: { type: SFTP, host: far, user: u, path: /a, password: hunter2, hostKey: SHA256:${'a'.repeat(43)} }\n  standby:`, line: 'one:', path: 'destinations.one.password', message: /./, hint: /file|env/ },
    { name: 'a secret in plain text', from: '{ file: secrets/db }', to: 'hunter2', line: 'hunter2', path: 'clusters.prod.services.DBService.DBService.password', message: /must be a reference/, hint: /file|env/ },
    { name: 'a name that cannot be a folder', from: '  nightly:', to: '  ../nightly:', line: '../nightly', path: 'tasks.../nightly', message: /cannot be a name/ },
    { name: 'a duplicate key', from: 'tasks:\n', to: 'destinations: {}\ntasks:\n', line: 'destinations: {}', path: '', message: /"destinations" is there twice/ },
  ];
  test.each(cases)('$name', ({ from, to, line, path, message, hint }) => {
    expect(good).toContain(from);
    const text = good.replace(from, to);
    const { problems, config } = check(text);
    expect(config).toBeUndefined();
    const found = problems.find((problem) => problem.path === path && message.test(problem.message));
    expect(found, JSON.stringify(problems, null, 1)).toBeDefined();
    expect(found?.line).toBe(lineWith(text, line));
    expect(found?.hint).toMatch(hint ?? /./);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  test('text that is not YAML', () => {
    const { problems, config } = check('clusters:\n  prod: [\n');
    expect(config).toBeUndefined();
    expect(problems[0]).toMatchObject({ message: expect.stringContaining('not valid YAML'), severity: 'error' });
  });

  test('all problems are reported at once, in the order of the file', () => {
    const { problems } = check(good.replace('host: db1', 'hst: db1').replace('LocalDir', 'LocalDri').replace('verify: content', 'verfy: content'));
    const lines = problems.map((problem) => problem.line);
    expect(problems.length).toBeGreaterThanOrEqual(4);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
  });

  test('a random unknown key is always found, wherever it is', () => {
    const places = [
      { indent: '', before: 'clusters:', path: '' },
      { indent: '          ', before: '          host: db1', path: 'clusters.prod.services.DBService.DBService.' },
      { indent: '    ', before: '    verify: content', path: 'tasks.nightly.' },
    ];
    const known = new Set(['engine', 'clusters', 'destinations', 'tasks', 'host', 'port', 'user', 'password', 'database', 'binaries', 'sslmode', 'rootCertificate', 'databases', 'cluster', 'sources', 'policy', 'schedule', 'retention', 'limits', 'verify']);
    const key = fc.oneof(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,20}$/), fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty')).filter((word) => !known.has(word) && !/^(null|true|false|nan|inf)$/i.test(word));
    fc.assert(fc.property(key, fc.constantFrom(...places), (word, place) => {
      const text = good.replace(place.before, `${place.indent}${word}: 1\n${place.before}`);
      const { problems, config } = check(text);
      expect(config).toBeUndefined();
      expect(problems).toContainEqual(expect.objectContaining({ path: `${place.path}${word}`, line: lineWith(text, `${place.indent}${word}: 1`), severity: 'error' }));
    }), { numRuns: 300 });
  });
});
