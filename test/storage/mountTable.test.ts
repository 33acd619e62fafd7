import { expect, test } from 'vitest';
import { parseMountTable } from '../../storage/mounted/mountTable.ts';

test('lines of the mount table are understood with any number of tags, and blanks in names', () => {
  const text = [
    '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - nfs4 nas:/vol/with\\040blank rw,vers=4.1,addr=10.0.0.1',
    '40 22 0:52 / /mnt/win\\134dows\\011tab rw - cifs //nas/backup\\040share rw,vers=3.1.1',
    '41 22 0:53 / /mnt/hyphen rw - fuse - rw',
    'nonsense', '',
  ].join('\n');
  expect(parseMountTable(text)).toEqual([
    { id: 22, mountPoint: '/', fileSystemType: 'ext4', source: '/dev/vda' },
    { id: 36, mountPoint: '/mnt2', fileSystemType: 'nfs4', source: 'nas:/vol/with blank' },
    { id: 40, mountPoint: '/mnt/win\\dows\ttab', fileSystemType: 'cifs', source: '//nas/backup share' },
    { id: 41, mountPoint: '/mnt/hyphen', fileSystemType: 'fuse', source: '-' },
  ]);
});
