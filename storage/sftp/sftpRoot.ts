import { Failure } from '../../contracts/failure.ts';
import type { SftpChannel } from './sftpChannel.ts';
import type { SftpConnection } from './sftpConnection.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';

/** The folder that a session opened: whether it is still what it was, as far as the server tells. */
export class SftpRoot {
  readonly #path: string;
  readonly #shown: string;
  /** The file system below it, per connection: a server that was started anew may count its disks anew. */
  readonly #fileSystems = new WeakMap<SftpConnection, number>();

  /** @param shown how to name the destination in messages */
  constructor(path: string, shown: string) {
    this.#path = path;
    this.#shown = shown;
  }

  /** @throws Failure E_DESTINATION_UNREACHABLE when it is not the folder that was opened. A connection that was made anew takes what it finds. */
  async assert(channel: SftpChannel, connection: SftpConnection): Promise<void> {
    const [status, state] = await Promise.all([
      channel.stat(this.#path).catch((error: unknown) => {
        if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) return undefined;
        throw error;
      }),
      channel.offers.statvfs ? channel.statvfs(this.#path).catch(() => undefined) : undefined,
    ]);
    if (status?.isDirectory() !== true) throw new Failure('E_DESTINATION_UNREACHABLE', `${this.#shown} is gone`, { hint: 'was its disk unmounted, or the folder removed? bring it back; a run goes on by itself' });
    if (state === undefined) return;
    const known = this.#fileSystems.get(connection);
    if (known === undefined) this.#fileSystems.set(connection, state.id);
    else if (known !== state.id) throw new Failure('E_DESTINATION_UNREACHABLE', `${this.#shown} is not the folder it was when it was opened`, { hint: 'was its disk unmounted or replaced? mount it again; a run goes on by itself' });
  }

  /** Whether a new connection leads to the same folder as one that lives: another server behind the same name may not, nor does one whose disk was unmounted meanwhile. */
  async isSeenBy(made: SftpConnection, other: SftpConnection): Promise<boolean> {
    const known = this.#fileSystems.get(other);
    if (known !== undefined) this.#fileSystems.set(made, known);
    using lease = await made.lease();
    return await this.assert(lease.channel, made).then(() => true, () => false);
  }
}
