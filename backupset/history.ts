import type { Repository } from './repository.ts';
import { writeEnvelope } from './envelope.ts';
import { encodeSegment } from './layout.ts';

/** Keeps what a run came to, failed ones too, so that it outlives the engine's own memory. */
export async function writeHistory(repository: Repository, runId: string, record: unknown, at: Date = new Date()): Promise<void> {
  const [year, month] = at.toISOString().split('-');
  await writeEnvelope(repository, `history/${year}/${month}/${encodeSegment(runId)}.json`, record);
}
