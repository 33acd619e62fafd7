import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

/** Puts an object and calls when half of it was sent. */
export async function putAnd(session: StorageSession, key: string, length: number, halfWay: () => Promise<unknown>): Promise<void> {
  const sample = sampleBody(length, key);
  const body = async function* (): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const block of sample.body()) {
      yield block;
      const before = sent;
      sent += block.length;
      if (before < length / 2 && sent >= length / 2) await halfWay();
    }
  };
  await session.put(key, body(), sample);
}
