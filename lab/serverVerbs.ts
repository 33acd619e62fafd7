import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabServer, ServerPlace, ServerReport, ServerStatus } from './labServer.ts';
import { endProcess, isRunning, lastLines, type ProcessRecord } from './processes.ts';

type Records = Record<string, ProcessRecord>;

const recordsFile = (place: ServerPlace) => join(place.folder, 'processes.json');

function readRecords(place: ServerPlace): Records {
  return existsSync(recordsFile(place)) ? (JSON.parse(readFileSync(recordsFile(place), 'utf8')) as Records) : {};
}

async function writeRecords(place: ServerPlace, records: Records): Promise<void> {
  await writeFile(`${recordsFile(place)}.new`, JSON.stringify(records));
  await rename(`${recordsFile(place)}.new`, recordsFile(place));
}

/** True once the server was started for the first time, until it is reset. */
export function exists(place: ServerPlace): boolean {
  return existsSync(recordsFile(place));
}

/** Starts what does not run of a server and waits until it answers. Throws with the end of the logs if it does not within `patienceMs`. */
export async function start(server: LabServer, place: ServerPlace, patienceMs = 120_000): Promise<void> {
  await mkdir(place.folder, { recursive: true, mode: 0o755 });
  await server.prepare(place);
  const records = readRecords(place);
  for (const role of server.processRoles) {
    const known = records[role];
    if (known !== undefined && isRunning(known)) continue;
    records[role] = await server.startProcess(place, role);
    await writeRecords(place, records);
  }
  const begin = Date.now();
  while (!(await server.isReady(place))) {
    const dead = server.processRoles.filter((role) => !isRunning(records[role]!));
    const late = Date.now() - begin > patienceMs;
    if (dead.length > 0 || late) {
      const what = dead.length > 0 ? `its ${dead.join(' and ')} ended` : `no answer within ${patienceMs / 1000} s`;
      const logs = (dead.length > 0 ? dead : server.processRoles).map((role) => `--- ${join(place.folder, `${role}.log`)}\n${lastLines(join(place.folder, `${role}.log`))}`);
      throw new Error(`${place.name} did not start: ${what}\n${logs.join('\n')}`);
    }
    await sleep(200);
  }
  await server.afterStart?.(place);
}

/** Ends a server, or some of its processes, in the reverse order of its start. Does nothing when it does not run. */
export async function stop(server: LabServer, place: ServerPlace, signal?: NodeJS.Signals, roles: readonly string[] = server.processRoles): Promise<void> {
  const records = readRecords(place);
  for (const role of roles.toReversed()) {
    const record = records[role];
    if (record !== undefined) await endProcess(record, signal ?? server.stopSignal, 15_000);
  }
  await server.afterStop?.(place);
  // After a kill the records stay: status then says dead, not stopped. Some servers are stopped in no other way; that is no kill.
  if (signal !== 'SIGKILL' && exists(place)) await writeRecords(place, {});
}

/** Ends a server and removes its data. */
export async function reset(server: LabServer, place: ServerPlace): Promise<void> {
  await stop(server, place);
  await rm(place.folder, { recursive: true, force: true });
}

export function status(server: LabServer, place: ServerPlace): ServerReport {
  const records = readRecords(place);
  const processes: Record<string, ServerStatus> = {};
  const pids: Record<string, number> = {};
  for (const role of server.processRoles) {
    const record = records[role];
    const running = record !== undefined && isRunning(record);
    processes[role] = running ? 'running' : record === undefined ? 'stopped' : 'dead';
    if (running) pids[role] = record.pid;
  }
  const all = Object.values(processes);
  const whole = all.includes('dead') ? 'dead' : all.every((each) => each === 'running') ? 'running' : all.every((each) => each === 'stopped') ? 'stopped' : 'dead';
  return { status: whole, processes, pids, endpoints: server.endpoints(place) };
}
