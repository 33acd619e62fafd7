import { createHash } from 'node:crypto';
import type { WebHdfs } from '../protocols/webhdfs/webHdfs.ts';

const hex = (text: string) => Buffer.from(text).toString('hex');

/** Names that tools get wrong. HDFS itself refuses only `:` and `/`. */
export const hostileNames: readonly string[] = [
  'with blank', ' leading and trailing ', 'caf\u00e9 NFC', 'cafe\u0301 NFD', '100%', '%2F', 'a+b', 'a#b', 'a?b=c&d', 'it\'s "quoted"', 'back\\slash',
  'semi;colon', '.hidden', '日本語', '😀', `${'n'.repeat(196)}.end`, 'tab\there',
];

/** The same bytes for the same name and size, and hard to compress. */
export function* sampleBytes(seed: string, sizeBytes: number): Generator<Uint8Array> {
  for (let written = 0, i = 0; written < sizeBytes; i += 1) {
    const block = Buffer.concat(Array.from({ length: 1024 }, (_, k) => createHash('sha512').update(`${seed} ${i} ${k}`).digest()));
    yield block.subarray(0, Math.min(block.length, sizeBytes - written));
    written += block.length;
  }
}

const write = (client: WebHdfs, path: string, sizeBytes: number, seed = path) => client.create(path, sampleBytes(seed, sizeBytes), { overwrite: true, length: sizeBytes });

/** Fills `root` with `files` small files, one large one, hostile names and every kind of attribute. */
export async function fillHdfs(client: WebHdfs, root: string, { files, largeBytes }: { readonly files: number; readonly largeBytes: number }): Promise<void> {
  await client.mkdirs(root, '755');
  for (const folder of ['many', 'hostile', 'attributes', 'shared', 'large', 'empty folder']) await client.mkdirs(`${root}/${folder}`);
  await sixteenAtOnce(files, (i) => write(client, smallFile(root, i), (i * 37) % 5000));
  await sixteenAtOnce(hostileNames.length, async (i) => {
    const name = hostileNames[i]!;
    await write(client, `${root}/hostile/${name}`, 100 + i);
    await write(client, `${root}/hostile/in ${name.slice(0, 150)}/${name}`, 10);
  });
  const deep = `${root}/deep/${Array.from({ length: 40 }, (_, i) => `level${i}`).join('/')}`;
  await client.mkdirs(deep);
  await write(client, `${deep}/bottom`, 77);
  if (largeBytes > 0) await write(client, `${root}/large/large.bin`, largeBytes);
  await client.create(`${root}/large/blocks.bin`, sampleBytes('blocks', 3 * 1024 * 1024 + 5), { overwrite: true, length: 3 * 1024 * 1024 + 5, blockSize: 1024 * 1024 });
  await write(client, `${root}/empty`, 0);
  await setAttributes(client, root);
}

const smallFile = (root: string, i: number) => `${root}/many/d${i % 10}/f${i}`;

async function setAttributes(client: WebHdfs, root: string): Promise<void> {
  const at = `${root}/attributes`;
  for (const name of ['owned', 'private', 'acl', 'xattr']) await write(client, `${at}/${name}`, 50);
  await client.setOwner(`${at}/owned`, 'hive', 'analysts');
  await client.setPermission(`${at}/private`, '600');
  await client.setAcl(`${at}/acl`, 'user::rw-,user:alice:r--,group::r--,group:auditors:r--,mask::r--,other::---');
  await client.setXattr(`${at}/xattr`, 'user.origin', hex('lab'));
  await client.setXattr(`${at}/xattr`, 'user.binary', '00ff10');
  await client.mkdirs(`${at}/inheriting`);
  await client.setAcl(`${at}/inheriting`, 'user::rwx,group::r-x,other::---,default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::---');
  await write(client, `${at}/inheriting/child`, 20);
  await client.setPermission(`${root}/shared`, '1777');
  await client.mkdirs(`${at}/limited`);
  await client.setQuota(`${at}/limited`, { namespace: 100, space: 1 << 30 });
  await client.mkdirs(`${at}/cold`);
  await client.setStoragePolicy(`${at}/cold`, 'COLD');
  await write(client, `${at}/old`, 30);
  await client.setTimes(`${at}/old`, Date.UTC(2001, 1, 3, 4, 5, 6), Date.UTC(2002, 1, 3));
}

/** Some of what a day brings: rewritten, renamed, deleted, new, other permissions and attributes. What was renamed is renamed back the next time. */
export async function changeHdfs(client: WebHdfs, root: string, files: number): Promise<void> {
  const day = new Date().toISOString();
  for (let i = 0; i < files; i += 20) await write(client, smallFile(root, i), 300 + i, `changed ${i} ${day}`);
  for (let i = 1; i < files; i += 50) await client.delete(smallFile(root, i));
  for (let i = 2; i < files; i += 50) await swapName(client, smallFile(root, i), `${smallFile(root, i)} renamed`);
  for (let i = 3; i < files; i += 50) await client.setPermission(smallFile(root, i), '640');
  await swapName(client, `${root}/hostile`, `${root}/hostile moved`);
  await sixteenAtOnce(10, (i) => write(client, `${root}/new/n${i}`, 100 * i));
  await client.setXattr(`${root}/attributes/xattr`, 'user.origin', hex(`changed ${day}`));
  await client.setOwner(`${root}/attributes/owned`, 'hue', undefined);
}

async function swapName(client: WebHdfs, one: string, other: string): Promise<void> {
  if ((await client.statusOrUndefined(one)) === undefined) await client.rename(other, one);
  else await client.rename(one, other);
}

async function sixteenAtOnce(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (next < count) await work(next++);
  }));
}
