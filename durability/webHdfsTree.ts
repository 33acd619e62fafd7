import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';

/** One file or directory as the NameNode tells it. */
export interface TreeEntry {
  readonly directory: boolean;
  readonly length: number;
  /** Everything of it that a backup promises to keep, beside its content. */
  readonly attributes: string;
  /** Of the content, where it was asked for. */
  readonly sha256?: string;
}

/** What is asked of a NameNode, by plain HTTP: none of the product's code, which is what is judged. */
export class WebHdfsTree {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Everything below a directory, by path; the directory itself too. */
  async read(root: string, content: boolean): Promise<Map<string, TreeEntry>> {
    const found = new Map<string, TreeEntry>();
    const self = (await this.#json(root, 'GETFILESTATUS')) as { FileStatus: Status };
    // A snapshot that comes or goes changes the time of its directory: HDFS does that, and a backup takes snapshots.
    found.set(root, entryOf({ ...self.FileStatus, modificationTime: 0 }));
    const walk = async (path: string): Promise<void> => {
      for (const status of await this.list(path)) {
        const full = `${path}/${status.pathSuffix}`;
        const entry = entryOf(status);
        found.set(full, content && !entry.directory ? { ...entry, sha256: await this.#digest(full) } : entry);
        if (entry.directory) await walk(full);
      }
    };
    await walk(root);
    return found;
  }

  /** What is in a directory; nothing where there is none, or no snapshot of it. */
  async list(path: string): Promise<readonly Status[]> {
    const answer = await fetch(this.#at(path, 'LISTSTATUS'));
    if (answer.status === 404 || (answer.status === 403 && path.endsWith('/.snapshot'))) return [];
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { FileStatuses: { FileStatus: Status[] } }).FileStatuses.FileStatus;
  }

  async #digest(path: string): Promise<string> {
    const answer = await fetch(this.#at(path, 'OPEN'));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    const hash = createHash('sha256');
    for await (const bytes of answer.body as unknown as AsyncIterable<Uint8Array>) hash.update(bytes);
    return hash.digest('hex');
  }

  async #json(path: string, operation: string): Promise<unknown> {
    const answer = await fetch(this.#at(path, operation));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return await answer.json();
  }

  #at(path: string, operation: string): string {
    return `${this.#url}/webhdfs/v1${path.split('/').map(encodeURIComponent).join('/')}?op=${operation}&user.name=${userInfo().username}`;
  }
}

interface Status {
  readonly pathSuffix: string;
  readonly type: string;
  readonly owner: string;
  readonly group: string;
  readonly permission: string;
  readonly modificationTime: number;
  readonly length: number;
  readonly replication: number;
}

function entryOf(status: Status): TreeEntry {
  const directory = status.type === 'DIRECTORY';
  return { directory, length: status.length, attributes: `${status.type} ${status.owner}:${status.group} ${status.permission} ${status.modificationTime} ${directory ? '' : status.replication}`.trim() };
}
