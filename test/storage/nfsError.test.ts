import { expect, test } from 'vitest';
import { nfsError } from '../../storage/nfs/nfsError.ts';

// What libnfs 4.0.0 says, as it was seen or as its source has it.
test.each([
  ['the status in the message', -2, 'stat call failed with "NFS: Lookup of /x failed with NFS3ERR_NOENT(-2)"', 'ENOENT', false],
  ['a quota, whose number is another error’s', -34, 'open call failed with "NFS: CREATE of /x failed with NFS3ERR_DQUOT(-34)"', 'EDQUOT', false],
  ['a quota behind a path so long that the status is cut off', -34, `open call failed with "NFS: CREATE of /${'x'.repeat(1000)}`, 'EDQUOT', false],
  ['a status whose bytes stand in the message as text: a full disk', -14, 'pwrite call failed with "\u001c"', 'ENOSPC', false],
  ['a status whose bytes stand in the message as text: a quota', -14, 'pwrite call failed with "E"', 'EDQUOT', false],
  ['a status whose bytes stand in the message as text: a handle of nothing', -14, 'pread call failed with "F"', 'ESTALE', false],
  ['a status whose bytes stand in the message as text: a foreign handle', -14, 'pread call failed with "\u0011\'"', 'ESTALE', false],
  ['a status whose bytes stand in the message as text: later', -14, 'pwrite call failed with "\u0018\'"', 'EAGAIN', false],
  ['a refused mount', -13, 'mount_cb: RPC error: Mount failed with error MNT3ERR_ACCES(13) Permission denied(13)', 'EACCES', false],
  ['a right that is missing', -13, 'open call failed with "NFS: ACCESS denied. Required access rw-. Allowed access r--"', 'EACCES', false],
  ['a symbolic link', -40, 'open call failed with "Symbolic link encountered"', 'ELOOP', false],
  ['a long path without a status', -36, `mkdir call failed with "NFS: Lookup of /${'x'.repeat(1000)}`, 'ENAMETOOLONG', false],
  ['a broken connection while writing', -14, 'pwrite call failed with "RPC ERROR: Failed to reconnect async"', 'ENOTCONN', true],
  ['a broken connection', -5, 'nfs_service failed', 'ENOTCONN', true],
  ['a time that ran out', -4, 'stat call failed with "Command timed out"', 'ENOTCONN', true],
  ['nothing', -14, '', 'ENOTCONN', true],
])('libnfs tells of %s', (_, result, message, code, connectionLost) => {
  expect(nfsError('writing', result, message)).toMatchObject({ code, connectionLost });
});
