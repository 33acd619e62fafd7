import * as fs from 'node:fs';
import { join } from 'node:path';
import { sampleText } from './sampleText.ts';

export interface Scale {
  readonly largeFiles: number;
  readonly largeBytes: number;
  readonly smallFiles: number;
  readonly smallFolders: number;
}

export const scales: Readonly<Record<'standard' | 'small', Scale>> = {
  standard: { largeFiles: 4, largeBytes: 512 << 20, smallFiles: 50_000, smallFolders: 500 },
  small: { largeFiles: 4, largeBytes: 64 << 20, smallFiles: 5_000, smallFolders: 50 },
};

/** Something to back up, that can change by about one hundredth. */
export interface Corpus {
  readonly name: string;
  readonly folder: string;
  /** One file of it, relative. */
  readonly oneFile: string;
  /** Changes it in place; returns the bytes that are new. `undefined`: it is the user's and is not touched. */
  readonly change: ((round: number) => number) | undefined;
}

const blockBytes = 1 << 20;
/** So that the large files make 2.4 : 1 and the small ones 3 : 1 with zstd -3. */
const noise = 3;

/** A few large files, made once. */
export function largeCorpus(folder: string, { largeFiles, largeBytes }: Scale): Corpus {
  const names = Array.from({ length: largeFiles }, (_, i) => ['requests.log', 'orders.csv', 'events.json', 'columns.tsv'][i % 4]! + (i < 4 ? '' : String(i)));
  once(folder, () => {
    for (const [i, name] of names.entries()) {
      const fill = sampleText(i, i, noise);
      const fd = fs.openSync(join(folder, name), 'w');
      const block = Buffer.alloc(blockBytes);
      for (let at = 0; at < largeBytes; at += blockBytes) {
        fill(block);
        fs.writeSync(fd, block, 0, Math.min(blockBytes, largeBytes - at));
      }
      fs.closeSync(fd);
    }
  });
  // A change must be one, also after an earlier bench made its own.
  const salt = Date.now() % 1_000_000;
  const pieces = Math.max(4, Math.round((largeFiles * largeBytes) / 100 / blockBytes));
  return {
    name: 'large', folder, oneFile: names[1]!,
    change(round) {
      for (let piece = 0; piece < pieces; piece++) {
        const fd = fs.openSync(join(folder, names[piece % names.length]!), 'r+');
        const block = Buffer.alloc(blockBytes);
        sampleText(piece, salt + 1000 * (round + 1) + piece, noise)(block);
        const step = largeBytes / (Math.ceil(pieces / names.length) + 1);
        fs.writeSync(fd, block, 0, blockBytes, Math.floor(step * (Math.floor(piece / names.length) + 0.3 + round * 0.1)));
        fs.closeSync(fd);
      }
      return pieces * blockBytes;
    },
  };
}

/** Many small files in folders, made once. */
export function smallCorpus(folder: string, { smallFiles, smallFolders }: Scale): Corpus {
  const nameOf = (i: number): string => `d${String(i % smallFolders).padStart(3, '0')}/part-${String(i).padStart(6, '0')}`;
  const salt = Date.now() % 1_000_000;
  const sizeOf = (i: number): number => 1024 + ((i * 7919) % 15_800);
  const write = (i: number, seed: number): number => {
    const bytes = Buffer.alloc(sizeOf(i));
    sampleText(i % 4, seed)(bytes);
    fs.writeFileSync(join(folder, nameOf(i)), bytes);
    return bytes.length;
  };
  once(folder, () => {
    for (let i = 0; i < smallFolders; i++) fs.mkdirSync(join(folder, `d${String(i).padStart(3, '0')}`));
    for (let i = 0; i < smallFiles; i++) write(i, i);
  });
  return {
    name: 'small', folder, oneFile: nameOf(Math.floor(smallFiles / 2)),
    change(round) {
      const of = (share: number): number => Math.round(smallFiles * share);
      const step = Math.floor(smallFiles / of(0.008));
      let bytes = 0;
      for (let i = 0; i < of(0.008); i++) bytes += write((i * step + round * 3 + 1) % smallFiles, salt + 1_000_000 * (round + 1) + i);
      for (let i = 0; i < of(0.0012); i++) bytes += write(smallFiles + round * of(0.0012) + i, salt + 2_000_000 * (round + 1) + i);
      for (let i = 0; i < of(0.0008); i++) fs.rmSync(join(folder, nameOf((i * step * 9 + round * 3 + 2) % smallFiles)), { force: true });
      return bytes;
    },
  };
}

/** A folder of the user's own. */
export function givenCorpus(folder: string): Corpus {
  const first = (at: string): string | undefined => {
    for (const each of fs.readdirSync(join(folder, at), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(at, each.name);
      const found = each.isFile() ? path : each.isDirectory() ? first(path) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const oneFile = first('');
  if (oneFile === undefined) throw new Error(`there is no file in ${folder}`);
  return { name: 'given', folder, oneFile, change: undefined };
}

/** A corpus that was made by a run that was broken off is made again. */
function once(folder: string, make: () => void): void {
  if (fs.existsSync(`${folder}.made`)) return;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  make();
  fs.writeFileSync(`${folder}.made`, '');
}
