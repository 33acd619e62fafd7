import { Failure } from '../contracts/failure.ts';

/** Which set: names of the configuration and the set's id. */
export interface SetRef {
  readonly cluster: string;
  readonly task: string;
  readonly setId: string;
}

/** A name as a segment of a key: everything but `A-Za-z0-9._@-` percent-encoded, and names made of dots too. */
export function encodeSegment(name: string): string {
  if (name === '') throw new Failure('E_INTERNAL', 'an empty name has no place in a key');
  const encoded = [...Buffer.from(name)].map((byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9._@-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
  return encoded === '.' || encoded === '..' ? encoded.replaceAll('.', '%2E') : encoded;
}

/** Opposite of `encodeSegment`; what cannot be decoded stays as it is. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Folder of a task's sets, without the slash at the end. */
export function taskFolder(cluster: string, task: string): string {
  return `sets/${encodeSegment(cluster)}/${encodeSegment(task)}`;
}

/** Folder of a set, without the slash at the end. */
export function setFolder({ cluster, task, setId }: SetRef): string {
  return `${taskFolder(cluster, task)}/${encodeSegment(setId)}`;
}

export function manifestKey(set: SetRef): string {
  return `${setFolder(set)}/manifest.json`;
}

/** What the source said about itself. */
export function descriptionKey(set: SetRef, source: string, instance: string): string {
  return `${setFolder(set)}/sources/${encodeSegment(`${source}@${instance}`)}.json`;
}

/** The set a key belongs to, and its name inside the set's folder; `undefined` for anything else. */
export function parseSetKey(key: string): { readonly set: SetRef; readonly name: string } | undefined {
  const [sets, cluster, task, setId, ...name] = key.split('/');
  if (sets !== 'sets' || cluster === undefined || task === undefined || setId === undefined || name.length === 0) return undefined;
  return { set: { cluster: decodeSegment(cluster), task: decodeSegment(task), setId: decodeSegment(setId) }, name: name.join('/') };
}
