import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { labConfig } from './labConfig.ts';
import type { ServerPlace, ServerReport } from './labServer.ts';
import { choosePorts, type Ports } from './ports.ts';
import { servers } from './servers.ts';
import { exists, reset, start, status, stop } from './serverVerbs.ts';

export interface LabOptions {
  /** Everything the lab keeps: data, logs, ports, secrets. */
  readonly stateFolder: string;
  /** What set-up brought. */
  readonly toolsFolder: string;
  /** Wanted ports per `NAME.ROLE`; kept from then on. */
  readonly ports?: Ports;
  /** Told when a server begins to start and when it answers. */
  readonly onProgress?: (line: string) => void;
}

/** Real servers. No names means all of them. Servers survive the process that started them. */
export interface Lab {
  readonly stateFolder: string;
  /** Once the signal is aborted, none is started that was not being started. */
  up(names?: readonly string[], signal?: AbortSignal): Promise<void>;
  down(names?: readonly string[]): Promise<void>;
  /** SIGKILL to every process of the server, or to that of one role. */
  kill(name: string, role?: string): Promise<void>;
  restart(name: string): Promise<void>;
  /** Removes the data; servers that ran are started again, empty. */
  reset(names?: readonly string[]): Promise<void>;
  status(): Readonly<Record<string, ServerReport>>;
  /** Path of the configuration for mrs-backup. */
  config(): string;
  endpoints(name: string): Readonly<Record<string, string>>;
  place(name: string): ServerPlace;
}

/** Opens a lab in a state folder, an old or a new one. Starts nothing. */
export async function createLab(options: LabOptions): Promise<Lab> {
  const stateFolder = resolve(options.stateFolder);
  const secretsFolder = join(stateFolder, 'secrets');
  await mkdir(secretsFolder, { recursive: true });
  const keys = [...Object.entries(servers).flatMap(([name, server]) => server.portRoles.map((role) => `${name}.${role}`)), 'engine.port', 'engine.uiPort'];
  const ports = await choosePorts(join(stateFolder, 'ports.json'), keys, options.ports ?? {});
  const places: Record<string, ServerPlace> = {};
  for (const [name, server] of Object.entries(servers)) {
    places[name] = { name, folder: join(stateFolder, name), secretsFolder, toolsFolder: resolve(options.toolsFolder), ports: Object.fromEntries(server.portRoles.map((role) => [role, ports[`${name}.${role}`]!])) };
  }
  const configFile = join(stateFolder, 'mrs-backup.yaml');
  const say = options.onProgress ?? (() => undefined);

  const place = (name: string): ServerPlace => {
    const found = places[name];
    if (found === undefined) throw new Error(`there is no server ${name}; servers are ${Object.keys(servers).join(', ')}`);
    return found;
  };
  const chosen = (names: readonly string[] | undefined): string[] => {
    const all = names === undefined || names.length === 0 ? Object.keys(servers) : [...new Set(names)];
    for (const name of all) place(name);
    return all;
  };
  const writeConfig = async (): Promise<void> => {
    await mkdir(join(stateFolder, 'vault'), { recursive: true });
    const present = Object.fromEntries(Object.entries(places).filter(([, each]) => exists(each)));
    await writeFile(`${configFile}.new`, labConfig({ stateFolder, toolsFolder: resolve(options.toolsFolder), places: present, enginePort: ports['engine.port']!, engineUiPort: ports['engine.uiPort']! }));
    await rename(`${configFile}.new`, configFile);
  };

  const lab: Lab = {
    stateFolder,
    up: async (names, signal) => {
      try {
        // Two at a time: starting Java is all processor work.
        await inTurn(chosen(names), 2, async (name) => {
          if (signal?.aborted === true || status(servers[name]!, place(name)).status === 'running') return;
          const begin = Date.now();
          say(`${name}: starting`);
          await start(servers[name]!, place(name));
          say(`${name}: running after ${((Date.now() - begin) / 1000).toFixed(1)} s`);
        });
      } finally {
        await writeConfig();
      }
    },
    down: (names) => inTurn(chosen(names), 6, (name) => stop(servers[name]!, place(name))),
    kill: async (name, role) => stop(servers[name] ?? servers[place(name).name]!, place(name), 'SIGKILL', ...(role === undefined ? [] : [[role]])),
    restart: async (name) => {
      await lab.down([place(name).name]);
      await lab.up([name]);
    },
    reset: async (names) => {
      const ran = chosen(names).filter((name) => status(servers[name]!, place(name)).status === 'running');
      await inTurn(chosen(names), 6, (name) => reset(servers[name]!, place(name)));
      if (ran.length > 0) await lab.up(ran);
      else if (existsSync(configFile)) await writeConfig();
    },
    status: () => Object.fromEntries(Object.entries(places).map(([name, each]) => [name, status(servers[name]!, each)])),
    config: () => configFile,
    endpoints: (name) => servers[place(name).name]!.endpoints(place(name)),
    place,
  };
  return lab;
}

/** Runs `work` for each, at most `width` at once; all are tried, then the first failure is thrown. */
async function inTurn(names: readonly string[], width: number, work: (name: string) => Promise<void>): Promise<void> {
  const waiting = [...names];
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      try {
        await work(name);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map((each) => (each instanceof Error ? each.message : String(each))).join('\n'));
}
