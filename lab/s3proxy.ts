import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificates } from './certificates.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { launch } from './processes.ts';
import { makeBucket, makeS3Keys, s3IsReady } from './s3Account.ts';

/** S3Proxy over a folder: another S3, written in Java, with one account. Objects are files, which a test may look at. */
export const s3proxy: LabServer = {
  portRoles: ['https', 'http'],
  processRoles: ['s3proxy'],
  stopSignal: 'SIGTERM',
  endpoints: ({ ports }) => ({ s3: `https://127.0.0.1:${ports['https']}`, plain: `http://127.0.0.1:${ports['http']}` }),
  prepare,
  startProcess: ({ folder, toolsFolder }) =>
    launch({
      command: 'java',
      args: ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx256m', `-Dlogback.configurationFile=${join(folder, 'logback.xml')}`, '-cp', join(toolsFolder, 's3proxy', 'lib', '*'), 'org.gaul.s3proxy.Main', '--properties', join(folder, 's3proxy.conf')],
      folder, logFile: join(folder, 's3proxy.log'), env: { PATH: process.env['PATH'], HOME: folder },
    }),
  isReady: s3IsReady,
  afterStart: makeBucket,
};

async function prepare(place: ServerPlace): Promise<void> {
  const { folder, ports } = place;
  await mkdir(join(folder, 'data'), { recursive: true });
  const { keyStore, keyStorePassword } = await makeCertificates(place);
  const { accessKey, secretKey } = await makeS3Keys(place, 'admin');
  const settings = {
    's3proxy.endpoint': `http://127.0.0.1:${ports['http']}`,
    's3proxy.secure-endpoint': `https://127.0.0.1:${ports['https']}`,
    's3proxy.keystore-path': keyStore,
    's3proxy.keystore-password': keyStorePassword,
    's3proxy.authorization': 'aws-v2-or-v4',
    's3proxy.identity': accessKey,
    's3proxy.credential': secretKey,
    'jclouds.provider': 'filesystem',
    'jclouds.filesystem.basedir': join(folder, 'data'),
  };
  await writeFile(join(folder, 's3proxy.conf'), Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''), { mode: 0o600 });
  await writeFile(join(folder, 'logback.xml'), '<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %logger{0}: %m%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="out"/></root></configuration>\n');
}
