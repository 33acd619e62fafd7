import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import type { HdfsSessionParts } from './hdfsSessionParts.ts';
import type { PutExpectation } from './storageDriver.ts';

/**
 * Compares a file with what was sent: by the checksum HDFS keeps where ours is of the same kind, else by reading it back (erasure coded, or another size of
 * checksum chunks on the DataNodes). @throws Failure E_DESTINATION_UNREACHABLE when it is something else; WebHdfsError
 */
export async function compareWithSent({ client, bytesPerChecksum, blockSize }: HdfsSessionParts, path: string, expected: PutExpectation, checksum: string | undefined, what: string, signal: AbortSignal | undefined): Promise<void> {
  const differs = (how: string): Failure => new Failure('E_DESTINATION_UNREACHABLE', `HDFS holds ${how} of ${what}; nothing was stored`, { hint: 'a connection was cut or damaged on the way; it is written again' });
  const status = await client.status(path, signal);
  if (status.length !== expected.length) throw differs(`${status.length} of ${expected.length} bytes`);
  if (status.length === 0) return;
  const stored = await client.checksum(path, signal);
  const comparable = checksum !== undefined && !status.ecBit && stored.algorithm.endsWith(`MD5-of-${bytesPerChecksum}CRC32C`) && status.blockSize === blockSize;
  if (comparable) {
    if (stored.hex !== checksum) throw differs('another checksum');
    return;
  }
  const hash = createHash('sha256');
  for await (const chunk of client.open(path, 0, status.length, signal)) hash.update(chunk);
  if (hash.digest('hex') !== expected.sha256) throw differs('other bytes');
}
