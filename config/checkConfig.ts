import { dirname, resolve } from 'node:path';
import type { DataSource } from '../components/dataSource.ts';
import type { StorageDriver } from '../storage/storageDriver.ts';
import { checkTask } from './checkTask.ts';
import { checkClusters, checkDestinations } from './checkPlaces.ts';
import type { Config, EngineConfig, TaskConfig } from './config.ts';
import type { ConfigProblem } from './configProblem.ts';
import { engineSchema, namePattern, rootSchema } from './schema.ts';
import { checkSchema, type SchemaProblem } from './schemaProblems.ts';
import { parseYaml, type KeyPath, type YamlDocument } from './yamlDocument.ts';

/** What the product can back up and where to: plain lists, passed in. */
export interface Catalogue {
  readonly sources: readonly DataSource[];
  readonly drivers: readonly StorageDriver[];
}

export interface CheckedConfig {
  /** In the order of the file. */
  readonly problems: readonly ConfigProblem[];
  /** Only when there is no error among the problems. */
  readonly config: Config | undefined;
  readonly document: YamlDocument;
}

/** Collects problems with their lines. */
export interface ProblemSink {
  error(path: KeyPath, message: string, hint: string): void;
  warning(path: KeyPath, message: string, hint: string): void;
  all(problems: readonly SchemaProblem[]): void;
}

/**
 * Checks a configuration text completely and reports every problem at once. Reads no secret and talks to nobody.
 * @param file absolute path of the text, for relative paths.
 */
export function checkConfig(text: string, file: string, catalogue: Catalogue): CheckedConfig {
  const document = parseYaml(text);
  const problems: ConfigProblem[] = [...document.problems];
  const add = (severity: ConfigProblem['severity'], path: KeyPath, message: string, hint: string) =>
    problems.push({ path: path.join('.'), line: document.lineOf(path), message, hint, severity });
  const sink: ProblemSink = {
    error: (path, message, hint) => add('error', path, message, hint),
    warning: (path, message, hint) => add('warning', path, message, hint),
    all: (found) => { for (const each of found) add('error', each.path, each.message, each.hint); },
  };
  if (document.broken) return { problems, config: undefined, document };

  const raw = document.value ?? {};
  const root = checkSchema(rootSchema, raw, []);
  sink.all(root.problems);
  // One bad key at the top must not hide what is wrong below: the rest is checked all the same.
  const block = (key: string): Readonly<Record<string, unknown>> => {
    const value = raw !== null && typeof raw === 'object' && Object.hasOwn(raw, key) ? (raw as Record<string, unknown>)[key] : undefined;
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  };
  for (const section of ['clusters', 'destinations', 'tasks'] as const) {
    for (const name of Object.keys(block(section))) checkName([section, name], name, sink);
  }

  const engine = checkEngine((raw as Record<string, unknown>)['engine'], dirname(file), sink);
  const clusters = checkClusters(block('clusters'), catalogue, sink);
  const destinations = checkDestinations(block('destinations'), block('clusters'), clusters, catalogue, sink);
  const tasks: Record<string, TaskConfig> = {};
  const known = { clusters, destinations, clusterNames: Object.keys(block('clusters')), destinationNames: Object.keys(block('destinations')) };
  for (const [name, value] of Object.entries(block('tasks'))) {
    const task = checkTask(name, value, known, catalogue, sink);
    if (task !== undefined) tasks[name] = task;
  }

  problems.sort((a, b) => a.line - b.line);
  const ok = !problems.some((problem) => problem.severity === 'error');
  return { problems, document, config: ok ? { file, folder: dirname(file), engine, clusters, destinations, tasks } : undefined };
}

/** Refuses a name that could not be a folder, a workflow id or a queue. */
export function checkName(path: KeyPath, name: string, sink: ProblemSink): void {
  if (!namePattern.test(name)) sink.error(path, `"${name}" cannot be a name`, 'use letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 63');
}

function checkEngine(value: unknown, folder: string, sink: ProblemSink): EngineConfig {
  const checked = checkSchema(engineSchema, value ?? {}, ['engine']);
  sink.all(checked.problems);
  const block = checked.value ?? {};
  return {
    address: block.address,
    port: block.port,
    uiPort: block.uiPort,
    state: resolve(folder, block.state ?? '.mrs-backup'),
    namespace: block.namespace ?? 'default',
  };
}
