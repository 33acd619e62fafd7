import { Failure } from '../../contracts/failure.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { sourceFailure } from './sourceFailure.ts';

/** A DataNode serves one range by one connection; a larger one is cut, so that a broken connection costs little. */
const RANGE_BYTES = 64 << 20;

/** Exactly `length` bytes of a file from `offset`. @throws Failure E_CORRUPT when the file is shorter */
export async function* readContent(client: WebHdfs, path: string, offset: number, length: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += RANGE_BYTES) {
    try {
      yield* client.open(path, offset + at, Math.min(RANGE_BYTES, length - at), signal);
    } catch (error) {
      const translated = sourceFailure(error);
      if (translated instanceof Failure && translated.code === 'E_CORRUPT') throw new Failure('E_CORRUPT', `HDFS: ${path} has fewer than the ${offset + length} bytes that were listed`, { cause: error, hint: 'a file that was open for writing is not fixed by a snapshot unless dfs.namenode.snapshot.capture.openfiles is true' });
      throw translated;
    }
  }
}
