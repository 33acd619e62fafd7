import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import type { PolicyNames } from './entryOf.ts';
import { readPlacement, type Placement } from './placement.ts';
import { isKind } from './sourceFailure.ts';

/** What the functions of this source share: the client, and what is learnt once per session. */
export interface Connection {
  readonly client: WebHdfs;
  readonly instance: string;
  readonly policies: () => Promise<PolicyNames>;
  readonly isSuperuser: () => Promise<boolean>;
  readonly placement: () => Promise<Placement>;
  /** Since when all DataNodes are there, as far as it was asked for. */
  readonly steady: { since: number | undefined };
  /** What a restoration could not set, said once each, by name of the restoration. */
  readonly losses: Map<string, Set<string>>;
}

export function createConnection(client: WebHdfs, instance: string): Connection {
  let policies: Promise<PolicyNames> | undefined;
  let superuser: Promise<boolean> | undefined;
  let placement: Promise<Placement> | undefined;
  return {
    client,
    instance,
    policies: () => (policies ??= remember(client.storagePolicies().then((list) => new Map(list.map(({ id, name }) => [id, name]))), () => { policies = undefined; })),
    isSuperuser: () => (superuser ??= remember(askSuperuser(client), () => { superuser = undefined; })),
    placement: () => (placement ??= remember(readPlacement(client), () => { placement = undefined; })),
    steady: { since: undefined },
    losses: new Map(),
  };
}

/** Keeps a promise, but not its failure. */
function remember<T>(promise: Promise<T>, forget: () => void): Promise<T> {
  promise.catch(forget);
  return promise;
}

/** There is no such question in WebHDFS; the right to allow snapshots is asked before the path is looked for, and this path does not exist. */
async function askSuperuser(client: WebHdfs): Promise<boolean> {
  try {
    await client.allowSnapshot('/.mrs-backup-asks-for-superuser');
    return true;
  } catch (error) {
    if (isKind(error, 'notFound')) return true;
    if (isKind(error, 'denied')) return false;
    throw error;
  }
}
