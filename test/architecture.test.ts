import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The doors of ARCHITECTURE.md: room → rooms it may import from, besides itself. */
const doors: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  workflows: ['contracts'],
  protocols: ['contracts'],
  storage: ['contracts', 'protocols'],
  components: ['contracts', 'protocols'],
  backupset: ['contracts', 'storage'],
  transfer: ['contracts', 'backupset', 'storage', 'components'],
  restoration: ['contracts', 'backupset', 'components'],
  support: ['contracts', 'storage', 'components'],
  config: ['contracts', 'storage', 'components', 'backupset'],
  activities: ['contracts', 'protocols', 'storage', 'components', 'backupset', 'transfer', 'restoration', 'support', 'config'],
  worker: ['contracts', 'protocols', 'storage', 'components', 'backupset', 'transfer', 'restoration', 'support', 'config', 'activities'],
  client: ['contracts', 'protocols', 'storage', 'components', 'backupset', 'transfer', 'restoration', 'support', 'config', 'worker', 'lab'],
  durability: ['protocols', 'lab'],
  bench: ['contracts', 'protocols', 'storage', 'components', 'backupset', 'transfer', 'restoration', 'support', 'config', 'worker', 'client', 'lab'],
};

/** Packages only these rooms may import. */
const packages: Readonly<Record<string, readonly string[]>> = {
  '@temporalio/workflow': ['workflows'],
  '@temporalio/activity': ['activities'],
  '@temporalio/worker': ['activities', 'worker'],
  '@temporalio/client': ['client', 'bench'],
  commander: ['client'],
  pg: ['components'],
  'esdk-obs-nodejs': ['storage'],
  'ssh2-sftp-client': ['storage'],
  koffi: ['storage'],
};

interface Import {
  readonly file: string;
  readonly room: string;
  readonly specifier: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sourceFiles(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const files = Object.keys(doors).flatMap((room) => sourceFiles(join(root, room)).map((path) => ({ room, path })));
const imports: Import[] = files.flatMap(({ room, path }) =>
  [...readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({ file: relative(root, path), room, specifier: match[1]! })));

function roomOf(file: string, specifier: string): string {
  return relative(root, resolve(root, dirname(file), specifier)).split('/')[0]!;
}

describe('the house', () => {
  it('has files in every room', () => {
    for (const room of Object.keys(doors)) expect(files.filter((each) => each.room === room).length, room).toBeGreaterThan(0);
  });

  it('has only the doors that ARCHITECTURE.md draws', () => {
    const broken = imports.filter((each) => each.specifier.startsWith('.')).filter((each) => {
      const to = roomOf(each.file, each.specifier);
      return to !== each.room && to !== 'package.json' && !doors[each.room]!.includes(to);
    });
    expect(broken).toEqual([]);
  });

  it('keeps workflows behind the determinism wall', () => {
    const outside = imports.filter((each) => each.room === 'workflows' && !each.specifier.startsWith('.')).map((each) => each.specifier);
    expect([...new Set(outside)]).toEqual(['@temporalio/workflow']);
  });

  it('lets contracts import nothing', () => {
    expect(imports.filter((each) => each.room === 'contracts' && !each.specifier.startsWith('./'))).toEqual([]);
  });

  it('keeps third-party packages in their rooms', () => {
    const strays = imports.filter((each) => {
      const owner = packages[each.specifier.split('/').slice(0, each.specifier.startsWith('@') ? 2 : 1).join('/')];
      return owner !== undefined && !owner.includes(each.room);
    });
    expect(strays).toEqual([]);
  });

  it('names no component in storage and no directory type in components', () => {
    const types = /\b(LocalDir|LocalHDFS|RemoteHDFS|NFS|SFTP|CIFS|OBS)\b/;
    const code = (path: string) => readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    expect(files.filter((each) => each.room === 'components' && types.test(code(each.path))).map((each) => relative(root, each.path))).toEqual([]);
    expect(files.filter((each) => each.room === 'storage' && /\b(dbservice|DBService|hdfsSource)\b/.test(code(each.path))).map((each) => relative(root, each.path))).toEqual([]);
  });

  it('has no rooms for odds and ends, and no index files', () => {
    const bad = files.filter((each) => /(^|\/)(utils?|common|helpers?|shared|lib)(\/|\.ts$)|(^|\/)index\.ts$/.test(relative(root, each.path)));
    expect(bad.map((each) => each.path)).toEqual([]);
  });

  it('keeps every file readable in one sitting', () => {
    const long = files.filter((each) => readFileSync(each.path, 'utf8').split('\n').length > 300);
    expect(long.map((each) => relative(root, each.path))).toEqual([]);
  });

  it('pins every dependency exactly', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
    expect(Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, version]) => !/^\d/.test(version))).toEqual([]);
  });
});
