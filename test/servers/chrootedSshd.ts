import { execFile, spawn } from 'node:child_process';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import getPort from 'get-port';
import { libraryFolders } from '../../lab/libraryFolders.ts';
import { answersAsSsh } from '../../lab/sftp.ts';
import { sftpFiles } from '../../lab/sftpKeys.ts';
import type { ServerPlace } from '../../lab/labServer.ts';

/** An sshd as hosters run it: it becomes the user who logs in with a password, and shuts him into a folder. */
export interface ChrootedSshd extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** The user's root, which belongs to root; he starts in `home` in it, which is his. */
  readonly jail: string;
}

const user = 'mrsjailed';
const uid = 64_998;

/** Its own users and its own /run, seen by it alone: nothing of the system is changed. The jail must belong to root all the way up, which a folder of the lab does not. */
const script = `set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd /run/jail
mount --bind "$1/jail" /run/jail
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
exec "$2" -D -e -r -f "$1/sshd_config"`;

/** Starts one beside an SFTP server of the lab, with its host key and its password. Needs root: without it this fails, it does not skip. */
export async function startChrootedSshd(place: ServerPlace): Promise<ChrootedSshd> {
  const files = sftpFiles(place);
  const folder = join(place.folder, 'chrooted');
  const jail = join(folder, 'jail');
  const port = await getPort();
  await mkdir(join(jail, 'home'), { recursive: true });
  await chown(join(jail, 'home'), uid, uid);
  const withUser = async (file: string, lines: string): Promise<void> => await writeFile(join(folder, file), `${(await readFile(`/etc/${file}`, 'utf8')).replace(/^sshd:.*\n/m, '')}${lines}\n`, { mode: file === 'shadow' ? 0o600 : 0o644 });
  await withUser('passwd', `${user}:x:${uid}:${uid}::/home:/usr/sbin/nologin\nsshd:x:${uid - 1}:${uid - 1}::/run/sshd:/usr/sbin/nologin`);
  await withUser('shadow', `${user}:${await hashOf(files.password)}:20000:0:99999:7:::`);
  await writeFile(join(folder, 'sshd_config'), [
    `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${files.hostKey}`, 'PidFile none', 'UsePAM no', 'PasswordAuthentication yes', 'PubkeyAuthentication no', 'KbdInteractiveAuthentication no', `AllowUsers ${user}`,
    'ChrootDirectory /run/jail', 'Subsystem sftp internal-sftp', 'ForceCommand internal-sftp -d /home', 'DisableForwarding yes',
    // The fewest channels of a connection that a server can be made to give.
    'MaxSessions 1', '',
  ].join('\n'));
  const tool = join(place.toolsFolder, 'openssh');
  const child = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', folder, join(tool, 'usr', 'sbin', 'sshd')], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LD_LIBRARY_PATH: libraryFolders(tool).join(':') } });
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  while (!(await answersAsSsh(port))) {
    if (child.exitCode !== null) throw new Error(`sshd did not start:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { port, user, jail, [Symbol.asyncDispose]: async () => void (child.kill('SIGTERM'), await ended) };
}

/** A password as /etc/shadow keeps it, by the library that sshd itself compares with. */
async function hashOf(passwordFile: string): Promise<string> {
  const program = "import ctypes, ctypes.util, sys; c = ctypes.CDLL(ctypes.util.find_library('crypt') or 'libcrypt.so.1'); c.crypt.restype = ctypes.c_char_p; print(c.crypt(open(sys.argv[1], 'rb').read().strip(), b'$6$mrsbackuplab').decode())";
  return (await promisify(execFile)('python3', ['-c', program, passwordFile])).stdout.trim();
}
