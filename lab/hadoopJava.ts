import { join } from 'node:path';
import type { ServerPlace } from './labServer.ts';
import type { Launch } from './processes.ts';

const openPackages = ['java.io', 'java.lang', 'java.lang.reflect', 'java.math', 'java.net', 'java.text', 'java.util', 'java.util.concurrent', 'java.util.zip', 'sun.security.util', 'sun.security.x509'];

/** The jars are those Maven brought: checking their code again took a sixth of a start. */
const trusted = ['-XX:+UnlockDiagnosticVMOptions', '-XX:-BytecodeVerificationRemote'];

/** A program of Hadoop, configured for this NameService: a server of it, or a tool. `role` names its log. */
export function hadoopJava(place: ServerPlace, role: string, main: readonly string[], heap = '192m'): Launch {
  const { HADOOP_USER_NAME: _user, CLASSPATH: _classPath, ...env } = process.env;
  const args = ['-XX:+IgnoreUnrecognizedVMOptions', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...trusted, `-Xmx${heap}`, `-Djava.io.tmpdir=${join(place.folder, 'tmp')}`, ...openPackages.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`), '-cp', `${join(place.folder, 'conf')}:${join(place.toolsFolder, 'hadoop', 'lib')}/*`, ...main];
  return { command: 'java', args, folder: place.folder, logFile: join(place.folder, `${role}.log`), env };
}
