import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { labUser } from './asNobody.ts';
import type { ServerPlace } from './labServer.ts';
import { libraryFolders } from './libraryFolders.ts';

/** The user of the operating system the server runs as: the only one who can log in, as an unprivileged smbd cannot become another. */
export const cifsUser = labUser === undefined ? userInfo().username : 'nobody';

/** Files of the SMB server, and of what its clients need. */
export function cifsFiles({ name, folder, secretsFolder, toolsFolder }: Pick<ServerPlace, 'name' | 'folder' | 'secretsFolder' | 'toolsFolder'>) {
  return {
    configuration: join(folder, 'smb.conf'),
    /** Its databases and locks. */
    own: join(folder, 'own'),
    /** The shares `vault`, `sealed` (encrypted only) and `everybody` (guests too). */
    data: join(folder, 'data'),
    /** The share `archive`, read-only. */
    archive: join(folder, 'archive'),
    password: join(secretsFolder, `${name}.password`),
    library: libraryFolders(join(toolsFolder, 'samba')).map((each) => join(each, 'libsmbclient.so.0'))[0],
  };
}

/** For Samba's programs, which find each other's libraries nowhere else. */
export function sambaEnvironment({ toolsFolder }: Pick<ServerPlace, 'toolsFolder'>): NodeJS.ProcessEnv {
  const folders = libraryFolders(join(toolsFolder, 'samba')).flatMap((each) => [each, join(each, 'samba')]);
  return { ...process.env, LD_LIBRARY_PATH: folders.join(delimiter) };
}

/** Such as `Samba 4.17.12`. */
export async function sambaVersion(place: Pick<ServerPlace, 'toolsFolder'>): Promise<string> {
  const { stdout } = await promisify(execFile)(join(place.toolsFolder, 'samba', 'usr', 'sbin', 'smbd'), ['--version'], { env: sambaEnvironment(place) });
  return `Samba ${/\d+(\.\d+)+/.exec(stdout)?.[0]}`;
}
