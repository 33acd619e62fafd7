import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hadoopJava } from '../../lab/hadoopJava.ts';
import type { Lab } from '../../lab/lab.ts';
import { runTool } from '../../lab/processes.ts';
import { servers } from '../../lab/servers.ts';

const viewer = 'org.apache.hadoop.hdfs.tools.offlineImageViewer.OfflineImageViewerPB';

/**
 * Makes `folder` on an HDFS that was never started, with what no client can make there: a symbolic link `link` to `target`, and an encryption zone
 * `zone` without a key server. They are written into the NameNode's own first image, with Hadoop's own tool.
 */
export async function plantGaps(lab: Lab, server: string, folder: string, target: string): Promise<void> {
  const place = lab.place(server);
  await mkdir(place.folder, { recursive: true });
  await servers[server]!.prepare(place);
  const image = join(place.folder, 'name', 'current', 'fsimage_0000000000000000000');
  const xml = join(place.folder, 'tmp', 'image.xml');
  await runTool(hadoopJava(place, 'viewer', [viewer, '-p', 'XML', '-i', image, '-o', xml]));
  await writeFile(xml, planted(await readFile(xml, 'utf8'), folder, target));
  await runTool(hadoopJava(place, 'viewer', [viewer, '-p', 'ReverseXML', '-i', xml, '-o', `${image}.new`]));
  await rename(`${image}.new`, image);
  await writeFile(`${image}.md5`, `${createHash('md5').update(await readFile(image)).digest('hex')} *${image.slice(image.lastIndexOf('/') + 1)}\n`);
}

/** The XML of an image that holds only the root, with more inodes. */
function planted(xml: string, folder: string, target: string): string {
  const root = Number(/<lastInodeId>(\d+)<\/lastInodeId>/.exec(xml)![1]);
  const [top, link, zone] = [root + 1, root + 2, root + 3];
  const common = (id: number, type: string, name: string, mode: string) => `<inode><id>${id}</id><type>${type}</type><name>${name}</name><mtime>1000</mtime><permission>root:supergroup:${mode}</permission>`;
  const quota = '<nsquota>-1</nsquota><dsquota>-1</dsquota>';
  // Cipher suite 2, protocol version 2, key name "key": what createZone writes.
  const zoneAttribute = '<xattrs><xattr><ns>RAW</ns><name>hdfs.crypto.encryption.zone</name><valHex>080210021a036b6579</valHex></xattr></xattrs>';
  const inodes = `${common(top, 'DIRECTORY', folder.slice(1), '0755')}${quota}</inode>${common(link, 'SYMLINK', 'link', '0777')}<target>${target}</target><atime>1000</atime></inode>${common(zone, 'DIRECTORY', 'zone', '0755')}${zoneAttribute}${quota}</inode>`;
  return xml
    .replace(/<lastInodeId>\d+<\/lastInodeId><numInodes>1<\/numInodes>/, `<lastInodeId>${zone}</lastInodeId><numInodes>4</numInodes>`)
    .replace('</INodeSection>', `${inodes}</INodeSection>`)
    .replace('<INodeDirectorySection></INodeDirectorySection>', `<INodeDirectorySection><directory><parent>${root}</parent><child>${top}</child></directory><directory><parent>${top}</parent><child>${link}</child><child>${zone}</child></directory></INodeDirectorySection>`);
}
