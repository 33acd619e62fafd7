import type { CheckedConfig } from './checkConfig.ts';
import type { KeyPath, YamlDocument } from './yamlDocument.ts';

/** One effective value and where it comes from. */
export interface Explained {
  readonly key: string;
  /** As JSON text; a secret appears as its reference. */
  readonly value: string;
  /** `line 12`, or `default`. */
  readonly from: string;
}

/**
 * Every effective value of a usable configuration, flattened.
 * @param under only this key and what is below it.
 */
export function explain(checked: CheckedConfig, under = ''): Explained[] {
  const { config, document } = checked;
  if (config === undefined) return [];
  const effective = {
    engine: config.engine,
    clusters: Object.fromEntries(Object.entries(config.clusters).map(([name, cluster]) => [name, { services: cluster.services }])),
    destinations: Object.fromEntries(Object.entries(config.destinations).map(([name, { settings, encryption }]) => [name, { ...(settings as object), ...(encryption === undefined ? {} : { encryption: { [encryption.kind]: encryption.reference } }) }])),
    tasks: Object.fromEntries(Object.entries(config.tasks).map(([name, { name: _, sources, ...task }]) => [name, { ...task, sources: sources.map(({ cluster: _cluster, source, instance, selection }) => ({ source, instance, ...(selection as object) })) }])),
  };
  const rows: Explained[] = [];
  flatten(effective, [], (path, value) => {
    const key = path.join('.');
    if (under !== '' && key !== under && !key.startsWith(`${under}.`)) return;
    rows.push({ key, value: JSON.stringify(value), from: originOf(inFile(path, effective, document), document) });
  });
  return rows;
}

/** Keys whose effective name differs from the one in the file. */
const fileNames: Readonly<Record<string, string>> = { everyMs: 'every', atMinutes: 'at', jitterMs: 'jitter', catchUpMs: 'catchUp', patienceMs: 'patience' };

/** The path as it is in the file: other names for durations, and a source without `instance` became several. */
function inFile(path: KeyPath, effective: { readonly tasks: Record<string, { readonly sources: readonly { readonly source: string; readonly instance: string }[] }> }, document: YamlDocument): KeyPath {
  const renamed = path.map((step) => (typeof step === 'string' ? (fileNames[step] ?? step) : step));
  const [section, task, list, index] = renamed;
  if (section !== 'tasks' || list !== 'sources' || typeof index !== 'number') return renamed;
  const mine = effective.tasks[String(task)]?.sources[index];
  const written = (document.value as { tasks?: Record<string, { sources?: readonly { source?: unknown; instance?: unknown }[] }> } | null)?.tasks?.[String(task)]?.sources ?? [];
  const found = written.findIndex((each) => each.source === mine?.source && (each.instance === undefined || each.instance === mine?.instance));
  return found < 0 ? renamed : [...renamed.slice(0, 3), found, ...renamed.slice(4)];
}

function originOf(path: KeyPath, document: YamlDocument): string {
  let at: unknown = document.value;
  for (const step of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return at !== null && typeof at === 'object' && ('source' in at || 'cluster' in at) && (step === 'instance' || step === 'webhdfs' || step === 'user') ? `derived from line ${document.lineOf(path)}` : 'default';
    at = (at as Record<string | number, unknown>)[step];
  }
  return `line ${document.lineOf(path)}`;
}

function flatten(value: unknown, path: KeyPath, visit: (path: KeyPath, value: unknown) => void): void {
  if (value === undefined || value === null) return;
  const isReference = typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 1 && ('file' in value || 'env' in value);
  if (typeof value !== 'object' || isReference || Object.keys(value).length === 0) return visit(path, value);
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== 'object')) return visit(path, value);
  for (const [key, inner] of Object.entries(value)) flatten(inner, [...path, Array.isArray(value) ? Number(key) : key], visit);
}
