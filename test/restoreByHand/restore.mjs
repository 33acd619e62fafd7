// Follows "Restoring by hand" of docs/format.md. Shares no code with the product on purpose: only node: modules.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [root, setId, wanted, target, keyArgument] = process.argv.slice(2);
if (target === undefined) fail('usage: restore.mjs <repository folder> <set id> <source>@<instance> <target folder> [key file | passphrase:<file>]');

const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();
const hmac = (key, bytes) => crypto.createHmac('sha256', key).update(bytes).digest();

function fail(text) {
  console.error(text);
  process.exit(1);
}

function canonical(value) {
  if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']';
  if (value !== null && typeof value === 'object') return '{' + Object.keys(value).sort().map((name) => JSON.stringify(name) + ':' + canonical(value[name])).join(',') + '}';
  return JSON.stringify(value);
}

// 1. repository.json and the keys
const repository = JSON.parse(fs.readFileSync(path.join(root, 'repository.json'), 'utf8'));
if (repository.formatVersion !== 1) fail('another format version');
const keys = repository.encryption === null ? null : openKeys();

function openKeys() {
  if (keyArgument === undefined) fail('the repository is encrypted: give a key');
  const isPassphrase = keyArgument.startsWith('passphrase:');
  const text = fs.readFileSync(isPassphrase ? keyArgument.slice(11) : keyArgument);
  for (const { kdf, wrapped } of repository.encryption.keys) {
    if ((kdf.name === 'scrypt') !== isPassphrase) continue;
    let key;
    if (isPassphrase) {
      key = crypto.scryptSync(text.toString().split('\n')[0], Buffer.from(kdf.salt, 'base64'), 32, { N: kdf.N, r: kdf.r, p: kdf.p, maxmem: 2 ** 28 });
    } else if (text.length === 32) {
      key = text;
    } else {
      const line = text.toString().trim();
      key = /^[0-9a-f]{64}$/i.test(line) ? Buffer.from(line, 'hex') : Buffer.from(line, 'base64');
    }
    const bytes = Buffer.from(wrapped, 'base64');
    const cipher = crypto.createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
    cipher.setAAD(Buffer.from(repository.repositoryId));
    cipher.setAuthTag(bytes.subarray(44));
    try {
      const dataKey = Buffer.concat([cipher.update(bytes.subarray(12, 44)), cipher.final()]);
      const derive = (what) => Buffer.from(crypto.hkdfSync('sha256', dataKey, repository.repositoryId, 'mrs-backup ' + what, 32));
      return { id: derive('frame id'), frame: derive('frame key'), mac: derive('manifest') };
    } catch {
      // another key's copy
    }
  }
  return fail('the key does not open the repository');
}

// 6. one frame at an offset: its raw bytes and where the next one begins
function openFrame(bytes, at, frameKeys) {
  const header = bytes.subarray(at, at + 48);
  if (header.toString('latin1', 0, 4) !== 'MRSF' || header[4] !== 1) fail('not a frame');
  const rawLength = header.readUInt32LE(8);
  const next = at + 48 + header.readUInt32LE(12);
  let payload = bytes.subarray(at + 48, next);
  let digest = header.subarray(16, 48);
  if (((header[5] & 2) !== 0) !== (frameKeys !== null)) fail('a frame is encrypted where it must not be, or the other way round');
  if (frameKeys !== null) {
    const id = digest;
    const cipher = crypto.createDecipheriv('aes-256-gcm', hmac(frameKeys.frame, id), Buffer.alloc(12));
    cipher.setAAD(header);
    cipher.setAuthTag(payload.subarray(-16));
    const plain = Buffer.concat([cipher.update(payload.subarray(0, -16)), cipher.final()]);
    if (!hmac(frameKeys.id, plain).equals(id)) fail('a frame has another id than its content');
    digest = plain.subarray(0, 32);
    payload = plain.subarray(32);
  }
  const raw = (header[5] & 1) !== 0 ? zlib.zstdDecompressSync(payload) : payload;
  if (raw.length !== rawLength || !sha256(raw).equals(digest)) fail('a frame is damaged');
  return { raw, next };
}

function readIndexObject(digest) {
  const bytes = fs.readFileSync(path.join(root, 'index', digest.slice(0, 2), digest));
  if (sha256(bytes).toString('hex') !== digest) fail(`index object ${digest} is damaged`);
  const opened = openFrame(bytes, 0, null);
  const hidden = openFrame(bytes, opened.next, keys);
  const clear = JSON.parse(opened.raw.toString());
  if (clear.formatVersion !== 1 && clear.formatVersion !== 2) fail(`index object ${digest} has another format version`);
  return { clear, lines: hidden.raw.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
}

// 2. the manifest
const found = fs.globSync(`sets/*/*/${setId}/manifest.json`, { cwd: root });
if (found.length !== 1) fail(`there is no set ${setId}`);
const { authentication, ...manifest } = JSON.parse(fs.readFileSync(path.join(root, found[0]), 'utf8'));
const expected = keys === null ? sha256(canonical(manifest)) : hmac(keys.mac, canonical(manifest));
if (expected.toString('hex') !== authentication) fail('the manifest was changed');
const source = manifest.sources.find((each) => `${each.source}@${each.instance}` === wanted);
if (source === undefined) fail(`the set has no ${wanted}`);

// 3. and 4. table, overlay, shards, entries
const { clear: table } = readIndexObject(source.table.digest);
const overlay = table.formatVersion === 2 ? table.overlay : [];
const root256 = sha256(Buffer.concat([...table.shards, ...overlay].map(([digest]) => Buffer.from(digest, 'hex'))));
if (root256.toString('hex') !== source.root) fail('the root is another one');
let files = 0;
const overridden = new Set();
for (const [digest] of overlay) {
  const { clear, lines } = readIndexObject(digest);
  for (const entry of lines) {
    overridden.add(entry.k);
    if (entry.t !== '-') restoreEntryThatFits(entry, clear.packs);
  }
}
for (const [digest] of table.shards) {
  const { clear, lines } = readIndexObject(digest);
  for (const entry of lines) if (!overridden.has(entry.k)) restoreEntryThatFits(entry, clear.packs);
}
console.log(`${files} files`);

// what no local folder can hold is named, and the rest comes
function restoreEntryThatFits(entry, packs) {
  try {
    restoreEntry(entry, packs);
  } catch (error) {
    if (error.code !== 'ENAMETOOLONG') throw error;
    console.error(`${entry.k}: not written (its path is too long here)`);
    process.exitCode = 3;
  }
}

// 5. an entry
function restoreEntry(entry, packs) {
  const names = entry.k.split('/').filter((name) => name !== '');
  if (names.includes('..') || names.includes('.')) fail(`${entry.k} is no name for a file here`);
  const place = path.join(target, ...names);
  if (entry.t === 'd') {
    fs.mkdirSync(place, { recursive: true });
    return;
  }
  if (entry.t !== 'f' || entry.g !== undefined) {
    console.error(`${entry.k}: not written (${entry.g ?? 'symbolic link'})`);
    return;
  }
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const out = fs.openSync(place, 'wx');
  for (const piece of entry.p ?? []) fs.writeSync(out, readPiece(piece, packs));
  fs.closeSync(out);
  if (fs.statSync(place).size !== entry.n) fail(`${entry.k} has another length`);
  files += 1;
}

function readPiece([length, digest, position, frameOffset, storedLength, skip], packs) {
  const [pack] = packs[position];
  const stored = Buffer.alloc(storedLength);
  const file = fs.openSync(path.join(root, 'packs', pack.slice(0, 2), pack), 'r');
  fs.readSync(file, stored, 0, storedLength, frameOffset);
  fs.closeSync(file);
  const frames = [];
  for (let at = 0; at < storedLength;) {
    const { raw, next } = openFrame(stored, at, keys);
    frames.push(raw);
    at = next;
  }
  const bytes = Buffer.concat(frames).subarray(skip, skip + length);
  const actual = length <= repository.packing.chunkBytes ? sha256(bytes) : sha256(Buffer.concat(frames.map(sha256)));
  if (bytes.length !== length || actual.toString('hex') !== digest) fail('a piece is damaged');
  return bytes;
}
