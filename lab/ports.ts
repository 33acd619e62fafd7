import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import getPort, { portNumbers } from 'get-port';

/** Per `NAME.ROLE`, such as `hdfs-a.http`. */
export type Ports = Readonly<Record<string, number>>;

/** Below the range from which the system takes ports for outgoing connections: it would take ours while a server is down. */
const firstPort = 15_000;
const endOfPorts = 32_768;
/** A lab's ports lie in one block, which no other lab takes while this one's folder is there: most are not listened on when they are chosen. */
const blockPorts = 64;
const mostTries = 20_000;

/** The ports of a lab: the wanted ones, then those kept from earlier, then free ones. Writes the file when something is new. */
export async function choosePorts(file: string, keys: readonly string[], wanted: Ports): Promise<Ports> {
  const unknown = Object.keys(wanted).filter((key) => !keys.includes(key));
  if (unknown.length > 0) throw new Error(`there is no port ${unknown.join(', ')}; ports are ${keys.join(', ')}`);
  const kept: Ports = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ports) : {};
  const ports: Record<string, number> = { ...kept, ...wanted };
  for (const [key, port] of Object.entries(ports)) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${key}: ${port} is no port number`);
    const other = Object.keys(ports).find((each) => each !== key && ports[each] === port);
    if (other !== undefined) throw new Error(`${key} and ${other} have the same port ${port}`);
  }
  let free: number[] = [];
  for (const key of keys) {
    while (ports[key] === undefined) {
      const port = free.shift();
      if (port === undefined) free = await claimBlock(dirname(file));
      else if (!Object.values(ports).includes(port) && (await getPort({ host: '127.0.0.1', port: portNumbers(port, port) })) === port) ports[key] = port;
    }
  }
  if (JSON.stringify(ports) !== JSON.stringify(kept)) {
    await writeFile(`${file}.new`, `${JSON.stringify(ports, null, 2)}\n`);
    await rename(`${file}.new`, file);
  }
  return ports;
}

/** The ports of a block that is now the lab's, whose folder `owner` is. A block whose owner is gone is free. */
async function claimBlock(owner: string): Promise<number[]> {
  const claims = join(tmpdir(), `mrs-backup-lab-ports-${userInfo().uid}`);
  await mkdir(claims, { recursive: true, mode: 0o700 });
  for (let tries = 0; tries < mostTries; tries++) {
    const block = Math.floor(Math.random() * Math.floor((endOfPorts - firstPort) / blockPorts));
    const claim = join(claims, String(block));
    try {
      await writeFile(claim, owner, { flag: 'wx' });
      return Array.from({ length: blockPorts }, (_, i) => firstPort + block * blockPorts + i);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const other = await readFile(claim, 'utf8').catch(() => '');
      if (other !== '' && !existsSync(other)) await rm(claim, { force: true });
    }
  }
  throw new Error(`every block of ports is taken by another lab: ${claims} names their folders; remove those that are no longer needed`);
}
