import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** One file of a finished dump. */
export interface DumpedFile {
  /** Key of its entry. */
  readonly key: string;
  readonly length: number;
  readonly sha256: string;
  /** The table whose rows it holds, `schema.table`. */
  readonly table?: string;
}

/**
 * Digest and length of a file, and how many lines come before the `\.` that ends the rows of a table's dump.
 * Streams; `rows` is only asked for files of tables.
 */
export async function digestFile(path: string, countLines: boolean, signal: AbortSignal | undefined): Promise<{ readonly length: number; readonly sha256: string; readonly rows: number }> {
  const hash = createHash('sha256');
  let length = 0;
  let lines = 0;
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) })) {
    const bytes = part as Buffer;
    hash.update(bytes);
    length += bytes.length;
    if (countLines) for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  }
  // pg_dump ends the rows with a line `\.` and two empty ones.
  return { length, sha256: hash.digest('hex'), rows: lines - 3 };
}

/** Writes a list of files as JSON lines, whole or not at all; its being there says that everything in it is complete. */
export async function writeFileList(path: string, head: unknown, files: AsyncIterable<DumpedFile>): Promise<void> {
  const part = `${path}.part`;
  const out = createWriteStream(part, { mode: 0o600 });
  const failed = once(out, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  const write = async (value: unknown): Promise<void> => {
    if (!out.write(`${JSON.stringify(value)}\n`)) await Promise.race([once(out, 'drain'), failed]);
  };
  try {
    await Promise.race([once(out, 'open'), failed]);
    await write(head);
    for await (const file of files) await write(file);
    await Promise.race([new Promise<void>((resolve) => out.end(resolve)), failed]);
  } catch (error) {
    out.destroy();
    throw error;
  }
  const file = await open(part, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
}

/** What stands in a list: its head first, then its files. */
export async function* readFileList(path: string): AsyncGenerator<unknown> {
  const file = await open(path, 'r');
  try {
    for await (const line of createInterface({ input: file.createReadStream({ encoding: 'utf8', autoClose: false }), crlfDelay: Infinity })) if (line) yield JSON.parse(line) as unknown;
  } finally {
    await file.close();
  }
}
