import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What a user would do instead. Every step is a line for bash; `undefined`: it has no such thing. */
export interface Peer {
  readonly name: string;
  /** Where it is, or why it cannot be measured. */
  readonly version: string | undefined;
  readonly missing?: string;
  readonly encrypted: boolean;
  full(corpus: string, to: string): string;
  /** The same again after a change. */
  increment(corpus: string, to: string): string;
  restore(from: string, to: string): string;
  oneFile(from: string, path: string, to: string): string;
  /** Reads and checks everything that is stored. */
  verify?(from: string): string;
  readonly env?: NodeJS.ProcessEnv;
}

export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** All peers in the order of the table, those that are missing with the reason. */
export function allPeers(toolsFolder: string): Peer[] {
  const restic = join(toolsFolder, 'restic', 'bin', 'restic');
  const rclone = join(toolsFolder, 'rclone', 'bin', 'rclone');
  const borg = join(toolsFolder, 'borg', 'bin', 'borg');
  const home = (folder: string): NodeJS.ProcessEnv => ({ RESTIC_PASSWORD: 'bench', BORG_PASSPHRASE: 'bench', BORG_BASE_DIR: folder, RESTIC_CACHE_DIR: join(folder, 'restic'), BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes', RCLONE_CONFIG: '/dev/null' });
  const env = home(join(toolsFolder, 'peer-state'));
  const q = quote;
  return [
    {
      name: 'tar+zstd', encrypted: false, ...found('zstd', ['--version'], 'apt-get install zstd'), env,
      full: (corpus, to) => `mkdir -p ${q(to)} && tar -C ${q(corpus)} -cf - . | zstd -q -3 -T2 -o ${q(`${to}/full.tar.zst`)}`,
      // What changed since the archive was made, by GNU tar's own list.
      increment: (corpus, to) => `tar -C ${q(corpus)} --newer-mtime ${q(`${to}/full.tar.zst`)} -cf - . 2>/dev/null | zstd -q -3 -T2 -o ${q(`${to}/inc.tar.zst`)}`,
      restore: (from, to) => `mkdir -p ${q(to)} && zstd -dqc ${q(`${from}/full.tar.zst`)} | tar -C ${q(to)} -xf -`,
      oneFile: (from, path, to) => `mkdir -p ${q(to)} && zstd -dqc ${q(`${from}/full.tar.zst`)} | tar -C ${q(to)} -xf - ${q(`./${path}`)}`,
      verify: (from) => `zstd -tq ${q(`${from}/full.tar.zst`)}`,
    },
    {
      name: 'restic', encrypted: true, ...found(restic, ['version'], 'set-up could not install it (go)'), env,
      full: (corpus, to) => `${q(restic)} -q -r ${q(to)} init && cd ${q(corpus)} && ${q(restic)} -q -r ${q(to)} backup .`,
      increment: (corpus, to) => `cd ${q(corpus)} && ${q(restic)} -q -r ${q(to)} backup .`,
      restore: (from, to) => `${q(restic)} -q -r ${q(from)} restore latest --target ${q(to)}`,
      oneFile: (from, path, to) => `${q(restic)} -q -r ${q(from)} restore latest --include ${q(`/${path}`)} --target ${q(to)}`,
      verify: (from) => `${q(restic)} -q -r ${q(from)} check --read-data`,
    },
    {
      name: 'borg', encrypted: true, ...found(borg, ['--version'], 'set-up could not install it (python3, gcc, libacl1-dev libssl-dev liblz4-dev libzstd-dev libxxhash-dev)'), env,
      full: (corpus, to) => `${q(borg)} init -e repokey-blake2 ${q(to)} && cd ${q(corpus)} && ${q(borg)} create -C zstd,3 ${q(`${to}::full`)} .`,
      increment: (corpus, to) => `cd ${q(corpus)} && ${q(borg)} create -C zstd,3 ${q(`${to}::inc`)} .`,
      restore: (from, to) => `mkdir -p ${q(to)} && cd ${q(to)} && ${q(borg)} extract ${q(`${from}::inc`)}`,
      oneFile: (from, path, to) => `mkdir -p ${q(to)} && cd ${q(to)} && ${q(borg)} extract ${q(`${from}::inc`)} ${q(path)}`,
      verify: (from) => `${q(borg)} check --verify-data ${q(from)}`,
    },
    {
      name: 'rclone', encrypted: false, ...found(rclone, ['version'], 'set-up could not install it (go)'), env,
      full: (corpus, to) => `${q(rclone)} -q copy ${q(corpus)} ${q(to)} --transfers 8 --checkers 8`,
      increment: (corpus, to) => `${q(rclone)} -q copy ${q(corpus)} ${q(to)} --transfers 8 --checkers 8`,
      restore: (from, to) => `${q(rclone)} -q copy ${q(from)} ${q(to)} --transfers 8 --checkers 8`,
      oneFile: (from, path, to) => `${q(rclone)} -q copyto ${q(`${from}/${path}`)} ${q(`${to}/${path}`)}`,
    },
    {
      name: 'cp', encrypted: false, ...found('cp', ['--version'], 'coreutils'), env,
      full: (corpus, to) => `cp -a ${q(corpus)} ${q(to)}`,
      increment: (corpus, to) => `cp -au ${q(`${corpus}/.`)} ${q(to)}`,
      restore: (from, to) => `cp -a ${q(from)} ${q(to)}`,
      oneFile: (from, path, to) => `mkdir -p "$(dirname ${q(`${to}/${path}`)})" && cp -a ${q(`${from}/${path}`)} ${q(`${to}/${path}`)}`,
    },
  ];
}

/** Its version, or why it cannot be measured. */
export function found(command: string, args: readonly string[], otherwise: string, env: NodeJS.ProcessEnv = {}): Pick<Peer, 'version' | 'missing'> {
  if (command.includes('/') && !existsSync(command)) return { version: undefined, missing: otherwise };
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  return status === 0 ? { version: /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? 'of an unknown version' } : { version: undefined, missing: otherwise };
}
