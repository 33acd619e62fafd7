import type { SourceFixture } from '../../components/conformance.ts';
import type { RestoreTarget, SourceSession } from '../../components/dataSource.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Entry } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';

type Tree = Map<string, Buffer>;

/** The simplest source that keeps every promise: flat trees of files in memory. The suite is tried on it and on spoilt variants of it. */
export class MemoryService {
  readonly places: { original: Tree; mapped: Tree; [name: string]: Tree } = { original: new Map([['a', Buffer.from('alpha')], ['b/c', Buffer.from('beta')], ['empty', Buffer.alloc(0)]]), mapped: new Map() };
  readonly handles = new Map<string, { readonly tree: Tree; readonly takenAt: string }>();
  readonly staged = new Map<string, { readonly written: Tree; kept: Tree | undefined; loaded: boolean; committed: boolean }>();
  /** What its clock shows. */
  now: () => number = Date.now;
  #changes = 0;

  /** Another service that begins as this one is now. */
  clone(): MemoryService {
    const twin = new MemoryService();
    for (const [name, tree] of Object.entries(this.places)) twin.places[name] = new Map(tree);
    for (const [name, handle] of this.handles) twin.handles.set(name, handle);
    return twin;
  }

  change(place: 'original' | 'mapped'): void {
    const tree = this.places[place];
    this.#changes += 1;
    if (this.#changes > 1) for (const key of ['b/c', `new ${this.#changes - 1}`]) tree.delete(key);
    tree.set(`new ${this.#changes}`, Buffer.from(`${this.#changes}`));
    tree.set('a', Buffer.from(`ALPHA ${this.#changes}`));
  }

  session(): SourceSession {
    const treeOf = (name: string): Tree => {
      const handle = this.handles.get(name);
      if (handle === undefined) throw new Failure('E_HANDLE_LOST', `no ${name}`);
      return handle.tree;
    };
    const entryOf = (key: string, bytes: Buffer): Entry => ({ key, type: 'file', length: bytes.length, attributes: { text: bytes.toString('hex') } });
    const list = (tree: Tree): Entry[] => [...tree].map(([key, bytes]) => entryOf(key, bytes)).sort((a, b) => compareKeys(a.key, b.key));
    const placeOf = (target: RestoreTarget): string => (target.mode !== 'beside' ? 'original' : target.mapping.paths.length > 0 ? 'mapped' : `beside ${target.name}`);
    const stagingOf = (target: RestoreTarget) => {
      const staging = this.staged.get(target.name);
      if (staging === undefined) throw new Failure('E_SOURCE_PATH', `${target.name} has not begun`);
      return staging;
    };
    const conflicts = (target: RestoreTarget): string[] => (target.mode !== 'inPlace' && target.existing === 'fail' && (this.places[placeOf(target)]?.size ?? 0) > 0 && !this.staged.has(target.name) ? ['it exists'] : []);
    /** Where the restored thing is read: loaded or committed it is in its place, before it is staged. */
    const seen = (target: RestoreTarget): Tree | undefined => {
      const staging = this.staged.get(target.name);
      return staging !== undefined && target.mode === 'inPlace' && !staging.committed ? staging.written : this.places[placeOf(target)];
    };
    return {
      preflight: async () => ({ version: '1', problems: [] }),
      takeHandle: async (name) => {
        if (!this.handles.has(name)) this.handles.set(name, { tree: new Map(this.places.original), takenAt: new Date(this.now()).toISOString() });
        return { name, takenAt: this.handles.get(name)!.takenAt, data: {} };
      },
      dropHandle: async (name) => void this.handles.delete(name),
      listHandles: async () => [...this.handles.keys()],
      plan: async function* (handle, _selection, since, report) {
        const now = list(treeOf(handle.name));
        report({ kind: since === undefined ? 'full' : 'incremental' });
        if (since === undefined) return yield* now.map((entry) => ({ op: 'put' as const, entry }));
        const before = treeOf(since.handle.name);
        const gone = [...before.keys()].filter((key) => !treeOf(handle.name).has(key)).map((key) => ({ op: 'remove' as const, key }));
        const put = now.filter((entry) => before.get(entry.key)?.toString('hex') !== entry.attributes['text']).map((entry) => ({ op: 'put' as const, entry }));
        yield* [...gone, ...put].sort((a, b) => compareKeys(a.op === 'put' ? a.entry.key : a.key, b.op === 'put' ? b.entry.key : b.key));
      },
      describe: async () => ({ version: '1', inventory: {}, warnings: [], openKeys: [] }),
      complete: async (_handle, entry) => entry,
      read: async function* (handle, entry, offset, length) {
        yield treeOf(handle.name).get(entry.key)!.subarray(offset, offset + length);
      },
      planRestore: async (target) => ({ steps: ['write'], conflicts: conflicts(target), stops: [], losses: [], spaceNeeded: 0, spaceFree: undefined }),
      beginRestore: async (target) => {
        if (conflicts(target).length > 0) throw new Failure('E_TARGET_EXISTS', 'it exists');
        if (!this.staged.has(target.name)) this.staged.set(target.name, { written: new Map(), kept: undefined, loaded: false, committed: false });
      },
      isRestored: async (target, entry) => stagingOf(target).written.get(entry.key)?.toString('hex') === entry.attributes['text'],
      writeEntry: async (target, entry, body) => {
        const parts: Uint8Array[] = [];
        for await (const part of body) parts.push(part);
        const bytes = Buffer.concat(parts);
        if (bytes.length !== entry.length) throw new Failure('E_CORRUPT', `${entry.key} is not whole`);
        stagingOf(target).written.set(entry.key, bytes);
      },
      settleDirectory: async () => undefined,
      finishRestore: async (target) => {
        if (target.mode === 'inPlace') return;
        const there = (this.places[placeOf(target)] ??= new Map());
        const staging = stagingOf(target);
        staging.loaded = true;
        if (target.existing === 'force') there.clear();
        for (const [key, bytes] of staging.written) if (target.existing !== 'skip' || !there.has(key)) there.set(key, bytes);
      },
      statRestored: async (target, entry) => {
        const bytes = seen(target)?.get(entry.key);
        return bytes && entryOf(entry.key, bytes);
      },
      readRestored: async function* (target, entry) {
        yield seen(target)!.get(entry.key)!;
      },
      comparable: () => 'content',
      commitRestore: async (target) => {
        const staging = stagingOf(target);
        if (!staging.committed) {
          staging.kept = this.places.original;
          this.places.original = new Map(staging.written);
          staging.committed = true;
        }
        return { safetyPoint: `before ${target.name}` };
      },
      rollbackRestore: async (target) => {
        const staging = this.staged.get(target.name);
        if (staging === undefined) return;
        if (staging.kept !== undefined) this.places.original = staging.kept;
        if (target.mode !== 'inPlace' && staging.loaded) this.places[placeOf(target)]?.clear();
        this.staged.delete(target.name);
      },
      isUnfinished: async (target) => this.staged.has(target.name),
      releaseRestore: async (target) => void this.staged.delete(target.name),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  fixture(spoil: (real: SourceSession) => Partial<SourceSession> = () => ({})): SourceFixture {
    const connect = async (): Promise<SourceSession> => {
      const real = this.session();
      return { ...real, ...spoil(real) };
    };
    return {
      source: { incomparableAttributes: [] }, instance: 'memory', selection: {}, incremental: true, touchedByHandle: [],
      mapping: { instances: {}, paths: [{ from: 'original', to: 'mapped' }], databases: {}, owners: {} },
      connect, restart: connect,
      change: async (place) => this.change(place),
      fingerprint: async (place) => JSON.stringify([...this.places[place]].sort(([a], [b]) => compareKeys(a, b)).map(([key, bytes]) => [key, bytes.toString('hex')])),
      loseHandle: async ({ name }) => void this.handles.delete(name),
      leftovers: async ({ name }) => [...(this.handles.has(name) ? [`handle ${name}`] : []), ...(this.staged.has(name) ? [`staging of ${name}`] : [])],
    };
  }
}
