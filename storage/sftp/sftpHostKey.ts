import { createHash, createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Failure } from '../../contracts/failure.ts';
import type { SftpConfig } from '../sftp.ts';

/** How the key that a server shows is judged. */
export interface HostKeyRule {
  /** Kinds of keys that are known, so that the server is asked for these first; `undefined` when only fingerprints are. */
  readonly types: readonly string[] | undefined;
  /** Why this key is refused; `undefined` when it is good. */
  refusal(key: Buffer): Failure | undefined;
}

interface KnownKey {
  readonly type: string;
  readonly fingerprint: string;
  readonly revoked: boolean;
}

/**
 * What is known of a server's keys: fingerprints of the configuration, or the lines of a known_hosts file that are about it.
 * @throws Failure E_CONFIG when the file cannot be read
 */
export async function hostKeyRule({ host, port, hostKey, knownHosts }: Pick<SftpConfig, 'host' | 'port' | 'hostKey' | 'knownHosts'>, shown: string): Promise<HostKeyRule> {
  if (knownHosts === undefined) {
    const allowed = [hostKey ?? []].flat();
    return { types: undefined, refusal: (key) => judge(key, allowed.map((fingerprint) => ({ type: '', fingerprint, revoked: false })), shown, 'hostKey') };
  }
  const text = await readFile(knownHosts, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new Failure('E_CONFIG', `cannot read the known hosts of ${shown}: ${knownHosts} (${cause.code})`, { hint: 'make it with ssh-keyscan and compare it with the server, or set hostKey', cause });
  });
  const name = port === 22 ? host : `[${host}]:${port}`;
  const known = knownKeys(text, name);
  const types = [...new Set(known.filter((each) => !each.revoked).map((each) => each.type))];
  return { types: types.length === 0 ? undefined : types, refusal: (key) => judge(key, known, shown, knownHosts, ` as ${name}`) };
}

/** @param under how the server is to be named there */
function judge(key: Buffer, known: readonly KnownKey[], shown: string, where: string, under = ''): Failure | undefined {
  const type = typeOf(key);
  const fingerprint = fingerprintOf(key);
  const same = known.filter((each) => each.fingerprint === fingerprint);
  const refuse = (why: string, hint: string): Failure => new Failure('E_DESTINATION_DENIED', `the server of ${shown} shows the ${type} key ${fingerprint}, ${why}`, { hint, details: { hostKey: fingerprint } });
  if (same.some((each) => each.revoked)) return refuse('which is revoked', `${where} says so: do not connect to it`);
  if (same.length > 0) return undefined;
  const compare = 'compare it with what ssh-keygen -lf shows on the server itself';
  if (known.every((each) => each.revoked)) return refuse('which is not known', `${compare}; if it is the same, add it to ${where}${under}`);
  return refuse(`not the known one (${known.map((each) => each.fingerprint).join(', ')})`, `somebody may be in between: ${compare}; only if it is the same there (a new one, or another of several that the server has), put it in place of the old one in ${where}`);
}

/** The keys of a server in the text of a known_hosts file. Certificates are not supported, so authorities are passed over. */
function knownKeys(text: string, name: string): KnownKey[] {
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [names = '', type = '', key = ''] = words;
    if (names === '' || names.startsWith('#') || key === '' || (marker !== undefined && marker !== '@revoked') || !isAbout(names, name)) return [];
    return [{ type, fingerprint: fingerprintOf(Buffer.from(key, 'base64')), revoked: marker !== undefined }];
  });
}

function isAbout(names: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(names);
  // OpenSSH looks for names in small letters; ssh-keyscan -H keeps them as they were typed.
  if (hashed !== null) return [name, name.toLowerCase()].some((each) => createHmac('sha1', Buffer.from(hashed[1]!, 'base64')).update(each).digest('base64') === hashed[2]);
  const patterns = names.split(',').map((each) => each.toLowerCase());
  const matches = (pattern: string): boolean => new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name.toLowerCase());
  return patterns.some((each) => !each.startsWith('!') && matches(each)) && !patterns.some((each) => each.startsWith('!') && matches(each.slice(1)));
}

/** As OpenSSH shows it. */
function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function typeOf(key: Buffer): string {
  return key.length < 4 ? 'unknown' : key.toString('latin1', 4, 4 + key.readUInt32BE(0));
}
