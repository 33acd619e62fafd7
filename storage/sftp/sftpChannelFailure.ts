import { Failure } from '../../contracts/failure.ts';
import { sftpConnectionFailure } from './sftpFailure.ts';

/** What ssh2 says where something other than SFTP answers: nothing at all, the text of a shell or of a forced command, or one that ended. */
const withoutSftp = /Unable to start subsystem|Packet length \d+ exceeds|Received exit code/;

/** Why a server that let us in opens no channel for SFTP. A program that ended at once may be one that is just being replaced: that is worth another try. */
export function sftpChannelFailure(error: unknown, shown: string): Failure {
  const { message } = error as Error;
  if (!withoutSftp.test(message)) return sftpConnectionFailure(new Error(`the server opens no SFTP channel: ${message}`, { cause: error }), shown);
  return new Failure(/exit code/.test(message) ? 'E_DESTINATION_UNREACHABLE' : 'E_DESTINATION_DENIED', `the server lets the user in, but does not speak SFTP with him (${message}), at ${shown}`, {
    hint: 'on the server: “Subsystem sftp internal-sftp”, for this user no ForceCommand but internal-sftp, and no shell or login script that prints something',
    cause: error,
  });
}
