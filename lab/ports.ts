import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import getPort, { portNumbers } from 'get-port';

/** Per `NAME.ROLE`, such as `hdfs-a.http`. */
export type Ports = Readonly<Record<string, number>>;

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
  for (const key of keys) ports[key] ??= await freePort(Object.values(ports));
  if (JSON.stringify(ports) !== JSON.stringify(kept)) {
    await writeFile(`${file}.new`, `${JSON.stringify(ports, null, 2)}\n`);
    await rename(`${file}.new`, file);
  }
  return ports;
}

/** Below the range from which the system takes ports for outgoing connections: it would take ours while a server is down. */
async function freePort(taken: readonly number[]): Promise<number> {
  for (;;) {
    const from = 15_000 + Math.floor(Math.random() * 17_000);
    const port = await getPort({ host: '127.0.0.1', port: portNumbers(from, from + 200) });
    if (port < 32_768 && !taken.includes(port)) return port;
  }
}
