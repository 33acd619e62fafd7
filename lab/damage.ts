import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import { connectDbservice } from './dbservice.ts';
import type { Lab } from './lab.ts';

/** Writes some large files, half of whose bytes compress. The same names hold the same bytes. */
export async function writeBulk(lab: Lab, server: string, folder: string, files: number, bytes: number): Promise<void> {
  await using client = createWebHdfs({ urls: [lab.endpoints(server)['webhdfs']!], user: userInfo().username });
  for (let number = 0; number < files; number++) {
    await client.create(`${folder}/part-${String(number).padStart(4, '0')}`, bulk(`${folder}/${number}`, bytes), { overwrite: true });
  }
}

async function* bulk(seed: string, bytes: number): AsyncGenerator<Uint8Array> {
  const block = 1 << 20;
  for (let offset = 0, counter = 0; offset < bytes; offset += block, counter++) {
    const chunk = Buffer.alloc(Math.min(block, bytes - offset), `${seed} line ${counter}\n`);
    let digest = createHash('sha256').update(`${seed} ${counter}`).digest();
    for (let at = 0; at < chunk.length / 2; at += 32) {
      digest.copy(chunk, at);
      digest = createHash('sha256').update(digest).digest();
    }
    yield chunk;
  }
}

/** What an operator does by mistake: everything below a directory is deleted. The directory itself is protected by its snapshots. */
export async function loseDirectory(lab: Lab, server: string, path: string): Promise<void> {
  await using client = createWebHdfs({ urls: [lab.endpoints(server)['webhdfs']!], user: userInfo().username });
  await client.delete(path, { recursive: true });
}

export async function loseDatabase(lab: Lab, server: string, database: string): Promise<void> {
  const client = await connectDbservice(lab.place(server));
  try {
    await client.query(`DROP DATABASE "${database}" WITH (FORCE)`);
  } finally {
    await client.end();
  }
}
