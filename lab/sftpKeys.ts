import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { labUser } from './asNobody.ts';
import { secretFile } from './secretFile.ts';
import type { ServerPlace } from './labServer.ts';

type Place = Pick<ServerPlace, 'name' | 'folder' | 'secretsFolder'>;

/** Files of an SSH server: its own key, and what its users log in with. */
export function sftpFiles({ name, folder, secretsFolder }: Place) {
  const secret = (what: string): string => join(secretsFolder, `${name}.${what}`);
  return {
    hostKey: join(folder, 'host_key'),
    authorizedKeys: join(folder, 'authorized_keys'),
    /** One line, for the user's known hosts. */
    knownHosts: join(folder, 'known_hosts'),
    /** What the server shows of the system. */
    data: join(folder, 'data'),
    key: secret('key'),
    lockedKey: secret('locked-key'),
    passphrase: secret('passphrase'),
    password: secret('password'),
  };
}

/** Makes what is missing of it: the keys, and the folder of the user the server runs as. */
export async function prepareSftpFiles(place: Place & Pick<ServerPlace, 'ports'>): Promise<void> {
  const files = sftpFiles(place);
  await mkdir(files.data, { recursive: true, mode: 0o755 });
  if (labUser !== undefined) await chown(files.data, labUser.uid, labUser.gid);
  await secretFile(files.password);
  const passphrase = await secretFile(files.passphrase);
  if (!existsSync(files.hostKey)) {
    const host = newKey();
    await writeFile(files.knownHosts, `[127.0.0.1]:${place.ports['port']} ${publicPart(host.public)}\n`);
    await secretFile(files.hostKey, () => host.private);
  }
  // Public halves are read again, so that a broken-off preparation is finished.
  const keys = [
    await secretFile(files.key, () => newKey().private),
    await secretFile(files.lockedKey, () => newKey(passphrase).private),
  ].map((text) => ssh2.utils.parseKey(text, passphrase));
  await writeFile(files.authorizedKeys, keys.map((key) => {
    if (key instanceof Error) throw key;
    return `${key.type} ${key.getPublicSSH().toString('base64')}\n`;
  }).join(''));
}

/** The fingerprint of the server's key, as OpenSSH shows it. */
export async function sftpFingerprint(place: Place): Promise<string> {
  const key = ssh2.utils.parseKey(await readFile(sftpFiles(place).hostKey));
  if (key instanceof Error) throw key;
  return `SHA256:${createHash('sha256').update(key.getPublicSSH()).digest('base64').replace(/=+$/, '')}`;
}

/** ssh2 writes a key in a hundred so that nobody, itself included, can read it. */
function newKey(passphrase?: string): { readonly private: string; readonly public: string } {
  for (;;) {
    const made = passphrase === undefined ? ssh2.utils.generateKeyPairSync('ed25519') : ssh2.utils.generateKeyPairSync('ed25519', { passphrase, cipher: 'aes256-ctr', rounds: 16 });
    if (!(ssh2.utils.parseKey(made.private, passphrase) instanceof Error)) return made;
  }
}

function publicPart(line: string): string {
  return line.split(' ').slice(0, 2).join(' ');
}
