import { existsSync, mkdtempSync, readFileSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterAll, describe, expect, it } from 'vitest';
import { connectDbservice } from '../../lab/dbservice.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { isRunning, startTicksOf } from '../../lab/processes.ts';

const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? join(import.meta.dirname, '../../.tools');
const labs: Lab[] = [];

async function newLab(ports: Readonly<Record<string, number>> = {}): Promise<Lab> {
  const stateFolder = mkdtempSync(join(tmpdir(), 'lab-'));
  // The server runs as another user.
  chmodSync(stateFolder, 0o755);
  const lab = await createLab({ stateFolder, toolsFolder, ports });
  labs.push(lab);
  return lab;
}

async function rows(lab: Lab, sql: string): Promise<unknown[]> {
  const client = await connectDbservice(lab.place('dbservice'), 'hivemeta');
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

afterAll(async () => {
  for (const lab of labs) {
    await lab.down();
    rmSync(lab.stateFolder, { recursive: true, force: true });
  }
});

describe('a lab', () => {
  it('tells a server that is stopped by SIGKILL, as it knows nothing else, from one that was killed', async () => {
    const lab = await newLab();
    await lab.up(['nfs']);
    await lab.kill('nfs');
    expect(lab.status()['nfs']!.status).toBe('dead');
    await lab.up(['nfs']);
    await lab.down(['nfs']);
    expect(lab.status()['nfs']!.status).toBe('stopped');
  });

  it('keeps data over a kill and leaves no process after down', async () => {
    const lab = await newLab();
    expect(lab.status()['dbservice']!.status).toBe('stopped');
    await lab.up(['dbservice']);
    const before = lab.status()['dbservice']!;
    expect(before.status).toBe('running');
    expect(readFileSync(lab.config(), 'utf8')).toContain(`port: ${lab.place('dbservice').ports['port']}`);
    expect(readFileSync(lab.config(), 'utf8')).not.toContain('webhdfs');
    await rows(lab, 'create table kept (n int); insert into kept values (42)');

    await lab.kill('dbservice');
    expect(lab.status()['dbservice']!.status).toBe('dead');
    expect(startTicksOf(before.pids['postgres']!)).toBeUndefined();

    await lab.up(['dbservice']);
    expect(await rows(lab, 'select n from kept')).toEqual([{ n: 42 }]);
    const pid = lab.status()['dbservice']!.pids['postgres']!;
    await lab.down();
    expect(lab.status()['dbservice']!.status).toBe('stopped');
    expect(startTicksOf(pid)).toBeUndefined();

    await lab.reset(['dbservice']);
    expect(existsSync(join(lab.stateFolder, 'dbservice'))).toBe(false);
  });

  it('stands beside another one and takes wanted ports', async () => {
    const port = await getPort();
    const [one, two] = [await newLab({ 'dbservice.port': port }), await newLab()];
    await Promise.all([one.up(['dbservice']), two.up(['dbservice'])]);
    expect(one.endpoints('dbservice')['postgres']).toBe(`127.0.0.1:${port}`);
    await rows(one, 'create table only_here ()');
    await one.down();
    expect(two.status()['dbservice']!.status).toBe('running');
    expect(await rows(two, "select to_regclass('only_here') as found")).toEqual([{ found: null }]);
    // The port is kept without naming it again.
    expect((await createLab({ stateFolder: one.stateFolder, toolsFolder })).place('dbservice').ports['port']).toBe(port);
  });

  it('says why a start failed', async () => {
    const lab = await newLab();
    await lab.up(['dbservice']);
    const other = await newLab({ 'dbservice.port': lab.place('dbservice').ports['port']! });
    await expect(other.up(['dbservice'])).rejects.toThrow(/Address already in use|password/);
  });

  it('never takes a later process with the same id for its own', () => {
    expect(isRunning({ pid: process.pid, startTicks: startTicksOf(process.pid)! })).toBe(true);
    expect(isRunning({ pid: process.pid, startTicks: '1' })).toBe(false);
  });

  it('starts HDFS and keeps its files over a kill', async () => {
    const lab = await newLab();
    await lab.up(['hdfs-b']);
    const url = () => `${lab.endpoints('hdfs-b')['webhdfs']}/webhdfs/v1/kept`;
    expect((await fetch(`${url()}?op=MKDIRS&user.name=${process.env['USER'] ?? 'root'}`, { method: 'PUT' })).status).toBe(200);
    await lab.kill('hdfs-b');
    expect(lab.status()['hdfs-b']!.processes).toEqual({ nameNode: 'dead', dataNode: 'dead' });
    await lab.up(['hdfs-b']);
    expect((await fetch(`${url()}?op=GETFILESTATUS`)).status).toBe(200);
  });
});
