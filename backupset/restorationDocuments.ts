import { readEnvelope, writeEnvelope } from './envelope.ts';
import { encodeSegment } from './layout.ts';
import type { Repository } from './repository.ts';

export type RestorationDocument = 'plan' | 'approval' | 'report';

export async function writeRestorationDocument(repository: Repository, planId: string, document: RestorationDocument, body: unknown): Promise<void> {
  await writeEnvelope(repository, documentKey(planId, document), body);
}

/** @throws Failure E_OBJECT_NOT_FOUND, E_CORRUPT */
export async function readRestorationDocument(repository: Repository, planId: string, document: RestorationDocument): Promise<unknown> {
  return await readEnvelope(repository, documentKey(planId, document));
}

function documentKey(planId: string, document: RestorationDocument): string {
  return `restorations/${encodeSegment(planId)}/${document}.json`;
}
