import { createHash, hash } from 'node:crypto';
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
  /** Digest of the table's rows whatever their order: a loaded table may keep them in another one than it was dumped in. */
  readonly rowsDigest?: string;
}

/**
 * Digest and length of a file, and of a table's dump how many rows come before the `\.` that ends them, and their digest whatever their order.
 * Streams.
 */
export async function digestFile(path: string, ofTable: boolean, signal: AbortSignal | undefined): Promise<{ readonly length: number; readonly sha256: string; readonly rows: number; readonly rowsDigest: string }> {
  const whole = createHash('sha256');
  const rows = ofTable ? new RowsDigest() : undefined;
  let length = 0;
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) })) {
    const bytes = part as Buffer;
    whole.update(bytes);
    length += bytes.length;
    rows?.update(bytes);
  }
  // pg_dump ends the rows with a line `\.` and two empty ones.
  return { length, sha256: whole.digest('hex'), rows: (rows?.lines ?? 0) - 3, rowsDigest: rows?.digest() ?? '' };
}

/** Adds up the digests of lines, word by word: the same for the same lines in any order. */
class RowsDigest {
  lines = 0;
  readonly #sum = new Uint32Array(8);
  #rest: Buffer = Buffer.alloc(0);

  update(bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      const line = bytes.subarray(from, at);
      this.#add(this.#rest.length === 0 ? line : Buffer.concat([this.#rest, line]));
      this.#rest = Buffer.alloc(0);
      from = at + 1;
    }
    if (from < bytes.length) this.#rest = Buffer.concat([this.#rest, bytes.subarray(from)]);
  }

  #add(line: Buffer): void {
    this.lines += 1;
    const digest = hash('sha256', line, 'buffer');
    for (let word = 0; word < 8; word++) this.#sum[word] = (this.#sum[word]! + digest.readUInt32LE(word * 4)) >>> 0;
  }

  digest(): string {
    return Buffer.from(this.#sum.buffer).toString('hex');
  }
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
