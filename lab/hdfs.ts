import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { hadoopJava } from './hadoopJava.ts';
import { launch, runTool } from './processes.ts';

const counterPeriodMs = 200;

/**
 * One NameService: a NameNode and a DataNode of its own. The superuser is the user of the operating system who runs it.
 * `clusterId` is what the NameServices of one cluster have in common; `root` a folder that is there from the start.
 */
export function hdfs(clusterId: string, root?: string): LabServer {
  return {
    portRoles: ['rpc', 'http', 'data', 'dataHttp', 'dataIpc'],
    processRoles: ['nameNode', 'dataNode'],
    stopSignal: 'SIGTERM',
    endpoints: ({ ports }) => ({ webhdfs: `http://127.0.0.1:${ports['http']}`, rpc: `hdfs://127.0.0.1:${ports['rpc']}` }),
    prepare: (place) => prepare(place, clusterId),
    startProcess: (place, role) => launch(hadoopJava(place, role, role === 'nameNode' ? ['org.apache.hadoop.hdfs.server.namenode.NameNode'] : ['org.apache.hadoop.hdfs.server.datanode.DataNode'])),
    isReady,
    ...(root === undefined ? {} : { afterStart: (place) => makeFolder(place, root) }),
  };
}

async function makeFolder({ ports }: ServerPlace, path: string): Promise<void> {
  await using client = createWebHdfs({ urls: [`http://127.0.0.1:${ports['http']}`], user: userInfo().username });
  await client.mkdirs(path);
}

async function prepare(place: ServerPlace, clusterId: string): Promise<void> {
  await mkdir(join(place.folder, 'conf'), { recursive: true });
  await mkdir(join(place.folder, 'tmp'), { recursive: true });
  await writeFile(join(place.folder, 'conf', 'core-site.xml'), xml({ 'fs.defaultFS': `hdfs://127.0.0.1:${place.ports['rpc']}`, 'hadoop.tmp.dir': join(place.folder, 'tmp') }));
  await writeFile(join(place.folder, 'conf', 'hdfs-site.xml'), xml(settings(place)));
  // Counters that are asked for over HTTP are otherwise up to ten seconds old.
  await writeFile(join(place.folder, 'conf', 'hadoop-metrics2.properties'), `*.periodMillis=${counterPeriodMs}\n`);
  await writeFile(join(place.folder, 'conf', 'log4j.properties'), 'log4j.rootLogger=WARN,console\nlog4j.appender.console=org.apache.log4j.ConsoleAppender\nlog4j.appender.console.target=System.err\nlog4j.appender.console.layout=org.apache.log4j.PatternLayout\nlog4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n\n');
  // VERSION is the last file of a format: without it a broken-off one is done again (-force).
  if (!existsSync(join(place.folder, 'name', 'current', 'VERSION'))) await format(place, clusterId);
}

/** An empty NameService. It is formatted once and kept beside Hadoop: a virtual machine less to be started for each of many labs. */
async function format(place: ServerPlace, clusterId: string): Promise<void> {
  const name = join(place.folder, 'name');
  const kept = join(place.toolsFolder, 'hadoop', 'formatted', place.name);
  if (!existsSync(kept)) {
    await runTool(hadoopJava(place, 'format', ['org.apache.hadoop.hdfs.server.namenode.NameNode', '-format', '-clusterId', clusterId, '-force', '-nonInteractive']));
    return await copyWhole(name, kept);
  }
  await rm(name, { recursive: true, force: true });
  await copyWhole(kept, name);
}

/** What is under the new name is whole. Another lab may have been quicker. */
async function copyWhole(from: string, to: string): Promise<void> {
  const unfinished = `${to}.${randomUUID()}`;
  await cp(from, unfinished, { recursive: true });
  await rename(unfinished, to).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true });
    if (!existsSync(to)) throw error;
  });
}

function settings({ folder, ports }: ServerPlace): Record<string, string> {
  const at = (role: string) => `127.0.0.1:${ports[role]}`;
  return {
    'dfs.namenode.rpc-address': at('rpc'),
    'dfs.namenode.http-address': at('http'),
    'dfs.namenode.name.dir': join(folder, 'name'),
    'dfs.datanode.data.dir': join(folder, 'data'),
    'dfs.datanode.address': at('data'),
    'dfs.datanode.http.address': at('dataHttp'),
    'dfs.datanode.ipc.address': at('dataIpc'),
    'dfs.datanode.hostname': '127.0.0.1',
    'dfs.namenode.datanode.registration.ip-hostname-check': 'false',
    'dfs.replication': '1',
    'dfs.namenode.snapshot.capture.openfiles': 'true',
    'dfs.namenode.acls.enabled': 'true',
    'dfs.namenode.xattrs.enabled': 'true',
    'dfs.namenode.safemode.extension': '0',
    // Many blocks out of small files.
    'dfs.namenode.fs-limits.min-block-size': '1024',
    // Otherwise the DataNode waits 400 ms at the end of every small file it writes for a WebHDFS client.
    'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '10',
  };
}

function xml(properties: Readonly<Record<string, string>>): string {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<configuration>\n${Object.entries(properties).map(([name, value]) => `<property><name>${name}</name><value>${escape(value)}</value></property>\n`).join('')}</configuration>\n`;
}

/** Out of safe mode with its DataNode registered, and that one answers: a NameNode takes a DataNode that was killed for a living one for minutes. */
async function isReady({ ports }: ServerPlace): Promise<boolean> {
  const bean = async (port: string, name: string): Promise<Record<string, unknown> | undefined> => {
    const response = await fetch(`http://127.0.0.1:${ports[port]}/jmx?qry=Hadoop:service=${name}`, { signal: AbortSignal.timeout(5000) });
    return ((await response.json()) as { beans: Record<string, unknown>[] }).beans[0];
  };
  try {
    if ((await bean('http', 'NameNode,name=FSNamesystem'))?.['NumLiveDataNodes'] !== 1 || (await bean('http', 'NameNode,name=NameNodeInfo'))?.['Safemode'] !== '') return false;
    const actors = JSON.parse(String((await bean('dataHttp', 'DataNode,name=DataNodeInfo'))?.['BPServiceActorInfo'])) as { ActorState?: string }[];
    return actors.length > 0 && actors.every((each) => each.ActorState === 'RUNNING');
  } catch {
    return false;
  }
}
