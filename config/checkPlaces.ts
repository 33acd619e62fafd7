import { posix } from 'node:path';
import { isBelow } from '../contracts/isBelow.ts';
import type { Catalogue, ProblemSink } from './checkConfig.ts';
import { checkName } from './checkConfig.ts';
import type { ClusterConfig, DestinationConfig, EncryptionConfig } from './config.ts';
import { nearest } from './nearest.ts';
import { originOf } from './originOf.ts';
import { clusterSchema, encryptionSchema } from './schema.ts';
import { checkSchema, unknownKey } from './schemaProblems.ts';
import { shareOrigin } from './shareOrigin.ts';
import type { KeyPath } from './yamlDocument.ts';

type Block = Readonly<Record<string, unknown>>;

const SMB_PORT = 445;
const NFS_PORT = 2049;

/** Checks `clusters`: every instance by the schema of its component's data sources. */
export function checkClusters(clusters: Block, catalogue: Catalogue, sink: ProblemSink): Record<string, ClusterConfig> {
  const result: Record<string, ClusterConfig> = {};
  const components = [...new Set(catalogue.sources.map((source) => source.component))];
  for (const [name, value] of Object.entries(clusters)) {
    const checked = checkSchema(clusterSchema, value, ['clusters', name]);
    sink.all(checked.problems);
    const services: Record<string, Record<string, unknown>> = {};
    for (const [component, instances] of Object.entries(checked.value?.services ?? {})) {
      const path: KeyPath = ['clusters', name, 'services', component];
      const source = catalogue.sources.find((each) => each.component === component);
      if (source === undefined) {
        sink.all([{ ...unknownKey(path, component, components), message: `unknown service "${component}"` }]);
        continue;
      }
      if (Object.keys(instances).length === 0) sink.error(path, `${component} has no instance`, 'name at least one instance, or remove the service');
      const parsed: Record<string, unknown> = {};
      for (const [instance, settings] of Object.entries(instances)) {
        checkName([...path, instance], instance, sink);
        const block = checkSchema(source.instance, settings, [...path, instance]);
        sink.all(block.problems);
        if (block.problems.length === 0) parsed[instance] = block.value;
      }
      services[component] = parsed;
    }
    result[name] = { name, services };
  }
  return result;
}

/** Checks `destinations`: every one by its driver's schema, and that no two share a place. */
export function checkDestinations(destinations: Block, clusterBlocks: Block, clusters: Readonly<Record<string, ClusterConfig>>, catalogue: Catalogue, sink: ProblemSink): Record<string, DestinationConfig> {
  const result: Record<string, DestinationConfig> = {};
  const types = catalogue.drivers.map((driver) => driver.type);
  for (const [name, value] of Object.entries(destinations)) {
    const path: KeyPath = ['destinations', name];
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      sink.error(path, 'must be a block of keys', `write { type: ${types[0] ?? 'LocalDir'}, … }`);
      continue;
    }
    const { encryption, ...block } = value as Record<string, unknown>;
    const type = block['type'];
    const driver = catalogue.drivers.find((each) => each.type === type);
    if (driver === undefined) {
      const guess = typeof type === 'string' ? nearest(type, types) : undefined;
      if (type === undefined) sink.error(path, 'type is missing', `add it: ${types.join(', ')}`);
      else sink.error([...path, 'type'], typeof type === 'string' ? `unknown destination type "${type}"` : 'must be a text', guess === undefined ? `built are: ${types.join(', ')}` : `did you mean ${guess}?`);
      continue;
    }
    const encrypted = encryption === undefined ? undefined : checkEncryption(encryption, [...path, 'encryption'], sink);
    const settings = 'cluster' in block && type === 'LocalHDFS' ? resolveLocalHdfs(block, path, clusterBlocks, clusters, sink) : block;
    if (settings === undefined) continue;
    const checked = checkSchema(driver.config, settings, path);
    // `encryption` belongs to every destination: a misspelt one is looked for among the driver's keys and this.
    sink.all(checked.problems.map((problem) => (problem.message.startsWith('unknown key') && nearest(String(problem.path.at(-1)), ['encryption']) !== undefined ? { ...problem, hint: 'did you mean "encryption"?' } : problem)));
    if (checked.problems.length > 0) continue;
    const destination = { name, type: driver.type, settings: checked.value, encryption: encrypted };
    for (const other of Object.values(result)) {
      if (samePlace(destination, other)) sink.error(path, `its path overlaps with the destination ${other.name}`, 'give every destination a folder of its own');
    }
    result[name] = destination;
  }
  return result;
}

/** A local HDFS destination names a cluster's instance instead of repeating how to reach it. */
function resolveLocalHdfs(block: Block, path: KeyPath, clusterBlocks: Block, clusters: Readonly<Record<string, ClusterConfig>>, sink: ProblemSink): Block | undefined {
  const { cluster, instance } = block;
  const services = typeof cluster === 'string' ? clusters[cluster]?.services : undefined;
  if (services === undefined) {
    const guess = typeof cluster === 'string' ? nearest(cluster, Object.keys(clusterBlocks)) : undefined;
    sink.error([...path, 'cluster'], `there is no cluster "${String(cluster)}"`, guess === undefined ? `clusters: ${Object.keys(clusterBlocks).join(', ')}` : `did you mean "${guess}"?`);
    return undefined;
  }
  const instances = services['HDFS'] ?? {};
  const chosen = instance ?? (Object.keys(instances).length === 1 ? Object.keys(instances)[0] : undefined);
  const settings = typeof chosen === 'string' ? (instances[chosen] as Block | undefined) : undefined;
  if (settings === undefined) {
    sink.error(instance === undefined ? path : [...path, 'instance'], instance === undefined ? 'instance is missing' : `the cluster ${String(cluster)} has no usable HDFS instance "${String(instance)}"`, `instances: ${Object.keys(instances).join(', ') || 'none'}`);
    return undefined;
  }
  return { ...block, instance: chosen, webhdfs: settings['webhdfs'], user: settings['user'] };
}

function checkEncryption(value: unknown, path: KeyPath, sink: ProblemSink): EncryptionConfig | undefined {
  const checked = checkSchema(encryptionSchema, value, path);
  sink.all(checked.problems);
  if (checked.value?.key !== undefined) return { kind: 'key', reference: checked.value.key };
  if (checked.value?.passphrase !== undefined) return { kind: 'passphrase', reference: checked.value.passphrase };
  return undefined;
}

/** Same server and one path at or below the other. */
function samePlace(a: DestinationConfig, b: DestinationConfig): boolean {
  const { path: pathA, ...serverA } = placeOf(a);
  const { path: pathB, ...serverB } = placeOf(b);
  if (typeof pathA !== 'string' || typeof pathB !== 'string' || !sameServer(serverA, serverB)) return false;
  const [folderA, folderB] = [plain(pathA), plain(pathB)];
  return isBelow(folderA, folderB) || isBelow(folderB, folderA) || (folderA === '.' && !folderB.startsWith('/')) || (folderB === '.' && !folderA.startsWith('/'));
}

/** `/a/b` of `/a//b/`, `.` of `./`. */
function plain(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
}

/** Exports of one server may lie in one another, and a share may be reached with and without a mount; its names do not differ by their case alone. */
function placeOf({ settings }: DestinationConfig): { readonly path?: unknown } & Readonly<Record<string, unknown>> {
  const block = settings as Readonly<Record<string, unknown>>;
  const { path } = block;
  if (typeof path !== 'string') return block;
  const below = (root: string): string => `${root}/${path}`;
  if (typeof block['export'] === 'string') return { host: block['server'], port: block['nfsPort'] === NFS_PORT ? undefined : block['nfsPort'], path: below(block['export']) };
  if (typeof block['share'] === 'string') return { host: block['server'], port: block['port'] === SMB_PORT ? undefined : block['port'], path: below(`/${block['share']}`).toLowerCase() };
  const [, exporter, exported] = /^([^/]+):(\/.*)$/.exec(String(block['source'])) ?? [];
  if (exporter !== undefined) return { host: exporter, path: below(exported!) };
  const [, server, share] = /^\/\/([^/]+)(\/.*)$/.exec(String(block['source']).toLowerCase()) ?? [];
  return server === undefined ? block : { host: server, path: below(share!).toLowerCase() };
}

/** NameNodes that one block names and another does not are still those of one NameService, if they share one. */
function sameServer(a: Block, b: Block): boolean {
  const [nodesA, nodesB] = [a['webhdfs'], b['webhdfs']];
  return Array.isArray(nodesA) && Array.isArray(nodesB) ? shareOrigin(nodesA, nodesB) : server(a) === server(b);
}

/** What makes a server another one. How one logs in does not; whom one logs in as may, as many servers give each user a tree of his own. */
function server({ host, port, user, endpoint, bucket, type }: Block): string {
  if (bucket !== undefined) return JSON.stringify([originOf(endpoint), bucket]);
  return JSON.stringify(host === undefined ? type : [hostName(host), port, user]);
}

/** Names of hosts do not differ by their case, nor by a dot at the end. */
function hostName(host: unknown): string {
  return String(host).toLowerCase().replace(/\.$/, '');
}
