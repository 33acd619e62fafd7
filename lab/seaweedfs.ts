import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificatesOf, makeCertificates } from './certificates.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { launch } from './processes.ts';
import { makeBucket, makeS3Keys, s3IsReady } from './s3Account.ts';

/** SeaweedFS with its S3 gateway: its own store, written in Go. Speaks TLS and plain HTTP, and has an account that may only read. */
export const seaweedfs: LabServer = {
  portRoles: ['https', 'http', 'grpc', 'master', 'masterGrpc', 'volume', 'volumeGrpc', 'filer', 'filerGrpc'],
  processRoles: ['weed'],
  // It takes half a minute over SIGTERM; everything it has answered for is in its files.
  stopSignal: 'SIGKILL',
  endpoints: ({ ports }) => ({ s3: `https://127.0.0.1:${ports['https']}`, plain: `http://127.0.0.1:${ports['http']}` }),
  prepare,
  startProcess,
  isReady: s3IsReady,
  afterStart: makeBucket,
  afterStop: removeSockets,
};

async function prepare(place: ServerPlace): Promise<void> {
  await mkdir(join(place.folder, 'data'), { recursive: true });
  await makeCertificates(place);
  const admin = await makeS3Keys(place, 'admin');
  const reader = await makeS3Keys(place, 'reader');
  const identities = [
    { name: 'admin', credentials: [admin], actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'] },
    { name: 'reader', credentials: [reader], actions: ['Read', 'List'] },
  ];
  await writeFile(join(place.folder, 's3.json'), JSON.stringify({ identities }), { mode: 0o600 });
}

async function startProcess(place: ServerPlace): Promise<Awaited<ReturnType<typeof launch>>> {
  const { folder, ports, toolsFolder } = place;
  const { certificate, key } = certificatesOf(place);
  const options: Readonly<Record<string, string | number | undefined>> = {
    'dir': join(folder, 'data'), 'ip': '127.0.0.1', 'ip.bind': '127.0.0.1',
    'master.port': ports['master'], 'master.port.grpc': ports['masterGrpc'], 'master.volumeSizeLimitMB': 1024, 'master.volumePreallocate': 'false',
    'volume.port': ports['volume'], 'volume.port.grpc': ports['volumeGrpc'], 'volume.max': 20,
    'filer': 'true', 'filer.port': ports['filer'], 'filer.port.grpc': ports['filerGrpc'],
    's3': 'true', 's3.port': ports['http'], 's3.port.https': ports['https'], 's3.port.grpc': ports['grpc'], 's3.port.iceberg': 0, 's3.port.lance': 0, 's3.iam': 'false',
    's3.config': join(folder, 's3.json'), 's3.cert.file': certificate, 's3.key.file': key,
  };
  const args = ['-logtostderr=true', 'server', ...Object.entries(options).map(([name, value]) => `-${name}=${value}`)];
  return await launch({ command: join(toolsFolder, 'seaweedfs', 'bin', 'weed'), args, folder, logFile: join(folder, 'weed.log'), env: { PATH: process.env['PATH'], HOME: folder } });
}

/** Its parts speak by sockets too, which are in a folder that no option chooses. */
async function removeSockets({ ports }: ServerPlace): Promise<void> {
  const sockets = { 'master-grpc': 'master', 'volume-grpc': 'volume', 'filer-grpc': 'filer', 'filer': 'filer', 's3-grpc': 'http', 's3': 'http' };
  for (const [part, role] of Object.entries(sockets)) for (const port of [ports[role], ports[`${role}Grpc`], ports['grpc']]) await rm(`/tmp/seaweedfs-${part}-${port}.sock`, { force: true });
}
