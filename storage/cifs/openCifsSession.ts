import { Failure } from '../../contracts/failure.ts';
import type { CifsConfig } from '../cifs.ts';
import type { NativeError } from '../native/nativeError.ts';
import { openNativeSession } from '../native/openNativeSession.ts';
import type { SecretReference } from '../../contracts/secretReader.ts';
import type { StorageContext, StorageSession } from '../storageDriver.ts';
import { NOT_ENCRYPTED } from './smbFileSystem.ts';
import type { SmbSettings } from './smbSettings.ts';

/** Whoever has no password is told to the server as nobody at all; so a guest gets one, which nobody looks at. */
const GUEST = 'guest';
/** What the library says when it and the server have nothing to say to each other. */
const UNDERSTOOD_BY_NOBODY: ReadonlySet<string> = new Set(['EINVAL', 'ECONNABORTED', 'ECONNRESET', 'ENETRESET']);
/** What libsmbclient has room for. */
const PASSWORD_BYTES = 255;

/**
 * Opens a folder of an SMB share as a destination, without a mount.
 * @throws Failure as of `StorageDriver.open`; E_SECRET; E_UNSUPPORTED when libsmbclient is not installed
 */
export async function openCifsSession(place: CifsConfig, context: StorageContext): Promise<StorageSession> {
  const { server, share, port, library, timeoutSeconds, connections, path } = place;
  const user = place.user ?? GUEST;
  const settings: SmbSettings = {
    library, server, port, share, user, timeoutSeconds,
    domain: place.domain ?? '',
    password: place.password === undefined ? GUEST : await passwordOf(place.password, context),
    guest: place.guest === true,
    encryption: place.transport === 'encrypted',
  };
  const how = settings.guest ? 'as a guest, not signed' : settings.encryption ? 'encrypted' : 'signed';
  return await openNativeSession({
    program: new URL('./cifsChild.ts', import.meta.url),
    settings,
    library,
    librarySubfolders: ['samba'],
    libraryHint: 'install libsmbclient: the package of this name of Debian, Ubuntu, Fedora and RHEL; or name its file with "library"',
    path: path.startsWith('/') ? path : `/${path}`,
    shown: `destination ${context.name} (${user}@//${server}${port === 445 ? '' : `:${port}`}/${share}, ${path})`,
    way: `in user space: SMB 2 or 3 through libsmbclient, ${how}`,
    naming: 'windows',
    explain: (error, what) => explain(error, what, settings),
    connections,
    timeoutSeconds,
  }, context);
}

async function passwordOf(reference: SecretReference, { name, readSecret }: StorageContext): Promise<string> {
  const password = await readSecret(reference);
  if (password === '' || password.includes('\0') || Buffer.byteLength(password) > PASSWORD_BYTES) throw new Failure('E_SECRET', `the password of destination ${name} is empty, longer than ${PASSWORD_BYTES} bytes, or no text`);
  return password;
}

function explain(error: NativeError, what: string, { guest }: SmbSettings): Failure | undefined {
  if (error.code === NOT_ENCRYPTED) {
    return new Failure('E_DESTINATION_DENIED', `the server does not encrypt, at ${what}`, { hint: 'let it demand that for the share (Samba: smb encrypt = required), or content yourself with transport: signed', cause: error });
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new Failure('E_DESTINATION_DENIED', `the server refuses the user, or this way of logging in, at ${what}`, {
      hint: guest ? 'does the share take guests?' : 'check user, domain and password, and that the share is open to him; a server that takes unknown users for guests, or neither signs nor encrypts, is refused too', cause: error,
    });
  }
  if (error.code === 'ENOENT' || error.code === 'ENODEV') return new Failure('E_DESTINATION_PATH', `there is no such share, at ${what}`, { hint: 'smbclient -L shows the shares of a server', cause: error });
  // All it says of a name that nobody knows, of a server that speaks something else, and of one that hangs up on us.
  if (UNDERSTOOD_BY_NOBODY.has(error.code)) {
    return new Failure('E_DESTINATION_UNREACHABLE', `no server that speaks SMB 2 or 3 with us answers, at ${what} (${error.code})`, {
      hint: 'check server and port, and that the server lets in this machine, has SMB 2 or 3, and takes log-ins by NTLMv2; a run goes on by itself when it is back', details: { errno: error.code }, cause: error,
    });
  }
  return undefined;
}
