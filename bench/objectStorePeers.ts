import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificatesOf } from '../lab/certificates.ts';
import type { ServerPlace } from '../lab/labServer.ts';
import { labBucket, s3KeyFiles } from '../lab/s3Account.ts';
import { found, quote } from './peers.ts';
import type { ServedPeer } from './servedPeer.ts';

const awsSdk = fileURLToPath(new URL('awsSdk.ts', import.meta.url));

/** The AWS SDK as a program would use it, rclone and restic, over the same TLS. */
export function objectStorePeers(toolsFolder: string, place: ServerPlace): ServedPeer[] {
  const files = s3KeyFiles(place);
  const { authority } = certificatesOf(place);
  const [rclone, restic] = ['rclone', 'restic'].map((name) => join(toolsFolder, name, 'bin', name)) as [string, string];
  const endpoint = `https://127.0.0.1:${place.ports['https']}`;
  const q = quote;
  const [accessKey, secretKey] = [files.accessKey, files.secretKey].map((file) => readFileSync(file, 'utf8').trim()) as [string, string];
  const env: NodeJS.ProcessEnv = {
    AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_REGION: 'us-east-1', NODE_EXTRA_CA_CERTS: authority, RESTIC_PASSWORD: 'bench', RESTIC_CACERT: authority, RESTIC_CACHE_DIR: join(place.folder, 'restic'),
    RCLONE_CONFIG: '/dev/null', RCLONE_CA_CERT: authority, RCLONE_S3_PROVIDER: 'Other', RCLONE_S3_ENDPOINT: endpoint, RCLONE_S3_ENV_AUTH: 'true', RCLONE_S3_NO_CHECK_BUCKET: 'true',
  };
  const sdk = (verb: string, folder: string, name: string): string => `${q(process.execPath)} --disable-warning=ExperimentalWarning ${q(awsSdk)} ${verb} ${q(folder)} ${endpoint} ${labBucket} ${q(name)}`;
  const repository = (name: string): string => `${q(restic)} -q -r ${q(`s3:${endpoint}/${labBucket}/${name}`)}`;
  return [
    {
      name: 'AWS SDK', version: '3', env, countsRequests: true,
      store: (corpus, name) => sdk('put', corpus, name),
      fetch: (name, to) => sdk('get', to, name),
    },
    {
      name: 'rclone', ...found(rclone, ['version'], 'set-up could not install it (go)'), env,
      store: (corpus, name) => `${q(rclone)} -q copy ${q(corpus)} ${q(`:s3:${labBucket}/${name}`)} --transfers 8 --checkers 8`,
      fetch: (name, to) => `${q(rclone)} -q copy ${q(`:s3:${labBucket}/${name}`)} ${q(to)} --transfers 8 --checkers 8`,
    },
    {
      name: 'restic', ...found(restic, ['version'], 'set-up could not install it (go)'), env,
      store: (corpus, name) => `${repository(name)} init && cd ${q(corpus)} && ${repository(name)} backup .`,
      fetch: (name, to) => `${repository(name)} restore latest --target ${q(to)}`,
    },
  ];
}
