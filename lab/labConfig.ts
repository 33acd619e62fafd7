import { userInfo } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { certificatesOf } from './certificates.ts';
import { cifsFiles, cifsUser } from './cifsFiles.ts';
import { databases, passwordFile, postgresBinaries } from './dbservice.ts';
import type { ServerPlace } from './labServer.ts';
import { nfsDestination, nfsFiles } from './nfsFiles.ts';
import { plainUsers } from './plainSftp.ts';
import { sftpUser } from './sftp.ts';
import { sftpFiles } from './sftpKeys.ts';
import { labBucket, s3KeyFiles } from './s3Account.ts';
import { sampleRoots } from './sampleRoots.ts';

/** Server of each service instance, per cluster. */
export const clusters = {
  prod: { hdfs: { hacluster: 'hdfs-a', ns2: 'hdfs-a-ns2' }, dbservice: 'dbservice' },
  standby: { hdfs: { hacluster: 'hdfs-b', ns2: 'hdfs-b-ns2' }, dbservice: 'dbservice-b' },
} as const;

export interface LabConfig {
  readonly stateFolder: string;
  readonly toolsFolder: string;
  /** Only of the servers that exist. */
  readonly places: Readonly<Record<string, ServerPlace>>;
  readonly enginePort: number;
  readonly engineUiPort: number;
}

/** The configuration of mrs-backup for this lab. */
export function labConfig(lab: LabConfig): string {
  const { places } = lab;
  const user = userInfo().username;
  const webhdfs = (server: string) => [`http://127.0.0.1:${places[server]!.ports['http']}`];
  const servicesOf = (cluster: (typeof clusters)[keyof typeof clusters]) => {
    const instances = Object.entries(cluster.hdfs).filter(([, server]) => places[server] !== undefined);
    const database = places[cluster.dbservice];
    return {
      ...(instances.length > 0 ? { HDFS: Object.fromEntries(instances.map(([name, server]) => [name, { webhdfs: webhdfs(server), user }])) } : {}),
      ...(database !== undefined ? { DBService: { DBService: { host: '127.0.0.1', port: database.ports['port'], user: 'postgres', password: { file: passwordFile(database) }, binaries: postgresBinaries(lab.toolsFolder), databases: cluster === clusters.prod ? databases : {} } } } : {}),
    };
  };
  const described = Object.entries(clusters).map(([name, cluster]) => [name, { services: servicesOf(cluster) }] as const).filter(([, { services }]) => Object.keys(services).length > 0);
  const sources = [
    ...(places['hdfs-a'] !== undefined ? [{ source: 'hdfs', instance: 'hacluster', paths: [sampleRoots['hdfs-a']] }] : []),
    ...(places['hdfs-a-ns2'] !== undefined ? [{ source: 'hdfs', instance: 'ns2', paths: [sampleRoots['hdfs-a-ns2']] }] : []),
    ...(places['dbservice'] !== undefined ? [{ source: 'dbservice' }] : []),
  ];
  return stringify({
    engine: { port: lab.enginePort, uiPort: lab.engineUiPort, state: join(lab.stateFolder, 'engine') },
    clusters: Object.fromEntries(described),
    destinations: {
      vault: { type: 'LocalDir', path: join(lab.stateFolder, 'vault'), allowRootFileSystem: true },
      ...(places['hdfs-a'] !== undefined ? { onprod: { type: 'LocalHDFS', cluster: 'prod', instance: 'hacluster', path: '/mrs-backup' } } : {}),
      ...(places['hdfs-b'] !== undefined ? { onstandby: { type: 'RemoteHDFS', webhdfs: webhdfs('hdfs-b'), user, path: '/mrs-backup' } } : {}),
      ...(places['nfs'] !== undefined ? { onnfs: nfsDestination(places['nfs'], nfsFiles(places['nfs']).data, 'mrs-backup') } : {}),
      ...(places['sftp'] !== undefined ? { onsftp: sftpDestination(places['sftp']) } : {}),
      ...(places['sftp-plain'] !== undefined ? { onplainsftp: sftpDestination(places['sftp-plain'], { user: plainUsers.password, path: '/mrs-backup', password: { file: sftpFiles(places['sftp-plain']).password } }) } : {}),
      ...(places['cifs'] !== undefined ? { oncifs: cifsDestination(places['cifs']) } : {}),
      ...(places['s3-a'] !== undefined ? { obs: objectStore(places['s3-a']) } : {}),
      ...(places['s3-b'] !== undefined ? { obs2: objectStore(places['s3-b']) } : {}),
    },
    ...(sources.length > 0 ? { tasks: { nightly: { cluster: 'prod', sources, destinations: ['vault'], policy: { incremental: true } } } } : {}),
  }, { aliasDuplicateObjects: false });
}

/** An SFTP server of the lab as a destination; its key is known from its file. */
export function sftpDestination(place: ServerPlace, login: Readonly<Record<string, unknown>> = { user: sftpUser, path: 'mrs-backup', privateKey: { file: sftpFiles(place).key } }): Readonly<Record<string, unknown>> {
  return { type: 'SFTP', host: '127.0.0.1', port: place.ports['port'], ...login, knownHosts: sftpFiles(place).knownHosts };
}

/** A share of Samba as a destination, without a mount. */
export function cifsDestination(place: ServerPlace): Readonly<Record<string, unknown>> {
  const { password, library } = cifsFiles(place);
  return { type: 'CIFS', server: '127.0.0.1', port: place.ports['port'], share: 'vault', path: 'mrs-backup', user: cifsUser, password: { file: password }, ...(library === undefined ? {} : { library }) };
}

/** An S3 server as a destination. */
export function objectStore(place: ServerPlace): Readonly<Record<string, unknown>> {
  const { accessKey, secretKey } = s3KeyFiles(place);
  return { type: 'OBS', endpoint: `https://127.0.0.1:${place.ports['https']}`, bucket: labBucket, path: 'mrs-backup', pathStyle: true, caFile: certificatesOf(place).authority, accessKey: { file: accessKey }, secretKey: { file: secretKey } };
}
