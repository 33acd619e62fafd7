import { fileURLToPath } from 'node:url';
import { NativeError } from '../native/nativeError.ts';
import { lastSmbError, loadSmbCalls, smbKeeper, smbLog, smbLogin } from './smbCalls.ts';
import { SmbFileSystem } from './smbFileSystem.ts';
import type { SmbSettings } from './smbSettings.ts';

/** `SMBC_ENCRYPTLEVEL_DEFAULT`: as the server demands; and `_REQUIRE`. */
const AS_DEMANDED = -1;
const REQUIRED = 2;

/**
 * Logs in to a share with libsmbclient: SMB 2 or 3, signed, never as a guest or nobody unless that is wanted.
 * @throws NativeError ELIBRARY without the library; else as the server answers, EACCES for a wrong user or password, ENOENT for a share that is not there
 */
export function connectSmb(settings: unknown): SmbFileSystem {
  const place = settings as SmbSettings;
  const calls = loadSmbCalls(place.library);
  const failed = (what: string): NativeError => new NativeError('EIO', `libsmbclient: ${what} failed (${lastSmbError()})`, true);
  const context = calls.newContext();
  if (context === null) throw failed('a context');
  // Before anything is configured.
  calls.setDebugToStderr(context, 1);
  calls.setDebug(context, 0);
  const seen = { damaged: false, unencrypted: false };
  let isLoggedIn = false;
  calls.setLog(context, null, smbLog((message) => {
    // To its caller the library says only that access is denied. While logging in it is: a server that takes him for a guest does not sign.
    if (isLoggedIn && /signature|decrypt/i.test(message)) seen.damaged = true;
    process.stderr.write(message);
  }));
  const file = fileURLToPath(new URL(place.guest ? './guest.conf' : './client.conf', import.meta.url));
  if (calls.setConfiguration(context, file) !== 0) throw failed(`reading ${file}`);
  calls.setNoAnonymous(context, 1);
  calls.setKerberos(context, 0);
  // Shorter than the patience with this process, so that the library tells rather than is killed.
  calls.setTimeout(context, Math.ceil(place.timeoutSeconds * 800));
  calls.setPort(context, place.port);
  calls.setEncryption(context, place.encryption ? REQUIRED : AS_DEMANDED);
  if (place.encryption) {
    const { isEncrypted } = calls;
    if (isEncrypted === undefined) throw new NativeError('ELIBRARY', `${place.library} does not tell whether a connection is encrypted`);
    // To require it is not enough: of a server without DFS the library then demands nothing, and goes on where one with DFS refuses (seen with 4.17).
    calls.setKeep(context, smbKeeper(calls.keep(context), (connection) => isEncrypted(connection) || !(seen.unencrypted = true)));
  }
  if (calls.setProtocols(context, 'SMB2_02', 'SMB3_11') === 0) throw failed('choosing SMB 2 and 3');
  calls.setLogin(context, smbLogin(place));
  if (calls.initContext(context) === null) throw failed('a context');
  calls.setContext(context);
  const files = new SmbFileSystem(calls, context, place, seen);
  // Nothing was sent yet: this connects and logs in.
  files.stat('/');
  isLoggedIn = true;
  return files;
}
