import { createReadStream, createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { atOnce } from './atOnce.ts';
import { HttpRequests } from './httpRequests.ts';

/** What a program with the AWS SDK would do: `awsSdk.ts put|get <folder> <endpoint> <bucket> <name>`. Every file an object, large ones in parts; each body by its length, as a stream. */
const [verb = '', folder = '', endpoint = '', bucket = '', name = ''] = process.argv.slice(2);
const partBytes = 16 << 20;
const client = new S3Client({ endpoint, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' });
const requests = new HttpRequests();

async function put(path: string): Promise<void> {
  const target = { Bucket: bucket, Key: `${name}/${relative(folder, path)}` };
  const { size } = statSync(path);
  if (size <= partBytes) return void (await client.send(new PutObjectCommand({ ...target, Body: createReadStream(path), ContentLength: size })));
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  await atOnce(4, Array.from({ length: Math.ceil(size / partBytes) }, (_, i) => i), async (i) => {
    const end = Math.min(size, (i + 1) * partBytes);
    const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: i + 1, Body: createReadStream(path, { start: i * partBytes, end: end - 1, highWaterMark: 1 << 20 }), ContentLength: end - i * partBytes }));
    parts.push({ PartNumber: i + 1, ETag });
  });
  await client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: parts.sort((a, b) => a.PartNumber - b.PartNumber) } }));
}

async function get(key: string): Promise<void> {
  const path = join(folder, key.slice(name.length + 1));
  mkdirSync(dirname(path), { recursive: true });
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  await pipeline(Body as Readable, createWriteStream(path));
}

async function keys(): Promise<string[]> {
  const found: string[] = [];
  for (let ContinuationToken: string | undefined; ;) {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${name}/`, ContinuationToken }));
    found.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    ContinuationToken = page.NextContinuationToken;
    if (ContinuationToken === undefined) return found;
  }
}

if (verb === 'put') {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  await atOnce(files.some((path) => statSync(path).size > partBytes) ? 2 : 16, files, put);
} else await atOnce(16, await keys(), get);
process.stdout.write(`${JSON.stringify({ requests: requests.take() })}\n`);
