import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectDbservice } from '../../lab/dbservice.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct, type Answer, type Product } from '../../lab/product.ts';
import { makeSampleData } from '../../lab/sampleData.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
let lab: Lab;
let product: Product;
let up: ReturnType<Product['start']>;

/** Each in one place of the configuration only. The prefix is for reading a failure; it is no part of what is looked for. */
const secrets = {
  passwordByFile: randomBytes(24).toString('hex'), passwordByEnv: randomBytes(24).toString('hex'), wrongPassword: randomBytes(24).toString('hex'),
  passphraseByEnv: randomBytes(24).toString('hex'), keyByFile: randomBytes(32).toString('base64'), wrongPassphrase: randomBytes(24).toString('hex'),
};
const marker = 'canarytask';
const output: { readonly command: string; readonly text: string }[] = [];
const argv = new Set<string>();
let watching: NodeJS.Timeout;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-secrets-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools') });
  await lab.up(['dbservice']);
  await makeSampleData(lab, { files: 0, largeBytes: 0, databases: ['hivemeta'], rows: 100 });
  const client = await connectDbservice(lab.place('dbservice'));
  for (const [role, password] of [['by_file', secrets.passwordByFile], ['by_env', secrets.passwordByEnv]] as const) await client.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  await client.end();
  for (const [name, secret] of [['password', secrets.passwordByFile], ['wrong-password', secrets.wrongPassword], ['vault-key', secrets.keyByFile], ['wrong-passphrase', secrets.wrongPassphrase]] as const) {
    await writeFile(join(folder, name), `${secret}\n`);
    await chmod(join(folder, name), 0o600);
  }
  const config = parse(await readFile(lab.config(), 'utf8')) as { clusters: { prod: { services: { DBService: Record<string, object> } } }; destinations: object; tasks: object };
  const server = config.clusters.prod.services.DBService['DBService']!;
  const of = (user: string, password: object, databases: readonly string[]) => ({ ...server, user, password, databases: Object.fromEntries(databases.map((each) => [each, { service: 'Hive', owner: 'hive' }])) });
  config.clusters = {
    prod: { services: { DBService: { byfile: of('by_file', { file: 'password' }, ['hivemeta']), byenv: of('by_env', { env: 'CANARY_PASSWORD' }, ['huemeta']) } } },
    wrong: { services: { DBService: { denied: of('by_file', { file: 'wrong-password' }, ['hivemeta']) } } },
  } as unknown as typeof config.clusters;
  config.destinations = {
    locked: { type: 'LocalDir', path: join(folder, 'locked'), allowRootFileSystem: true, encryption: { key: { file: 'vault-key' } } },
    sealed: { type: 'LocalDir', path: join(folder, 'sealed'), allowRootFileSystem: true, encryption: { passphrase: { env: 'CANARY_PASSPHRASE' } } },
  };
  config.tasks = {
    [marker]: { cluster: 'prod', sources: [{ source: 'dbservice' }], destinations: ['locked', 'sealed'], verify: 'content' },
    denied: { cluster: 'wrong', sources: [{ source: 'dbservice' }], destinations: ['locked'] },
  };
  await writeFile(join(folder, 'secrets.yaml'), stringify(config, { aliasDuplicateObjects: false }));
  product = openProduct(join(folder, 'secrets.yaml'), join(folder, 'engine'), { ...process.env, CANARY_PASSWORD: secrets.passwordByEnv, CANARY_PASSPHRASE: secrets.passphraseByEnv });
  watching = setInterval(sampleArguments, 100);
  up = product.start(['up']);
  await new Promise<void>((ready, failed) => {
    up.child.stderr!.on('data', (data: Buffer) => { if (data.toString().includes('worker ready')) ready(); });
    void up.answer.then(({ stderr }) => failed(new Error(stderr)));
  });
}, 240_000);
afterAll(async () => {
  clearInterval(watching);
  if (up.child.exitCode === null) {
    up.child.kill('SIGTERM');
    await up.answer;
  }
  await lab.down();
  await rm(folder, { recursive: true, force: true });
});

/** What any user of the machine sees with `ps`. */
function sampleArguments(): void {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      argv.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
    } catch {
      // It has ended meanwhile.
    }
  }
}

async function run(args: readonly string[], code = 0): Promise<Answer> {
  const answer = await product.run(...args);
  output.push({ command: args.join(' '), text: answer.stdout + answer.stderr });
  expect(answer.code, `${args.join(' ')}\n${answer.stdout}\n${answer.stderr}`).toBe(code);
  return answer;
}

/** A secret as it is, and as base64 wherever in a longer text it may begin: the ends, which depend on what is around, are left out. */
function formsOf(secret: string): (string | Buffer)[] {
  const shifted = [0, 1, 2].map((shift) => Buffer.from('x'.repeat(shift) + secret).toString('base64').slice(shift === 0 ? 0 : 4, -4));
  // A key is used as the bytes it stands for.
  const key = /^[A-Za-z0-9+/]{43}=$/.test(secret) ? [Buffer.from(secret, 'base64')] : [];
  return [secret, ...key, Buffer.from(secret).toString('hex'), encodeURIComponent(secret), ...shifted];
}

async function filesBelow(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true });
  const paths = names.map((name) => join(path, name));
  const kinds = await Promise.all(paths.map((each) => stat(each).then((status) => status.isFile(), () => false)));
  return paths.filter((_, i) => kinds[i]);
}

it('no secret is anywhere but where it was put', async () => {
  await run(['config', 'check']);
  await run(['config', 'check', '--connect'], 4);
  await run(['config', 'explain']);
  await run(['config', 'explain', '--output', 'json']);
  await run(['cluster', 'check', 'prod']);
  await run(['cluster', 'check', 'wrong'], 4);
  const backup = JSON.parse((await run(['task', 'run', marker, '--output', 'json'])).stdout) as { setIds: string[]; outcome: string };
  expect(backup.outcome).toBe('sealed');
  const setId = backup.setIds[0]!;
  await run(['task', 'run', 'denied'], 4);
  await run(['set', 'verify', setId, '--destination', 'sealed', '--level', 'content']);
  await run(['set', 'verify', setId, '--destination', 'locked', '--level', 'content', '--output', 'json']);
  await run(['set', 'list', '--destination', join(folder, 'sealed'), '--passphrase-file', join(folder, 'wrong-passphrase')], 2);
  await run(['set', 'show', setId, '--destination', 'sealed', '--output', 'json']);
  const planFile = join(folder, 'plan.json');
  await run(['restoration', 'plan', setId, '--destination', 'sealed', '--to', 'prod', '--out', planFile]);
  await run(['restoration', 'run', planFile, '--yes']);
  await run(['reap', '--output', 'json'], 3);
  await run(['run', 'list', '--output', 'json']);

  const { address } = JSON.parse(await readFile(join(folder, 'engine', 'engine.json'), 'utf8')) as { address: string };
  const connection = await Connection.connect({ address });
  const { workflow } = new Client({ connection });
  const histories: string[] = [];
  for await (const { workflowId, runId } of workflow.list()) {
    const history = await workflow.getHandle(workflowId, runId).fetchHistory();
    // Payloads as they were sent, and the rest as it is shown.
    histories.push(JSON.stringify(history, (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value)));
  }
  await connection.close();
  up.child.kill('SIGTERM');
  const { stdout, stderr } = await up.answer;
  output.push({ command: 'up and its worker', text: stdout + stderr });

  const places: { readonly where: string; readonly bytes: Buffer }[] = [
    ...output.map(({ command, text }) => ({ where: `output of ${command}`, bytes: Buffer.from(text) })),
    ...histories.map((text, i) => ({ where: `history ${i}`, bytes: Buffer.from(text) })),
    { where: 'arguments of processes', bytes: Buffer.from([...argv].join('\n')) },
    { where: 'plan file', bytes: await readFile(planFile) },
  ];
  for (const path of [...(await filesBelow(join(folder, 'engine'))), ...(await filesBelow(join(folder, 'locked'))), ...(await filesBelow(join(folder, 'sealed')))]) places.push({ where: path.slice(folder.length), bytes: await readFile(path) });
  // The engine's file is really looked into, and so are histories and arguments.
  for (const seen of ['/engine/engine.db', 'history 0', 'arguments of processes', `output of task run ${marker} --output json`]) {
    const searched = places.filter(({ where }) => where.startsWith(seen) || (seen === 'history 0' && where.startsWith('history')));
    expect(searched.some(({ bytes }) => bytes.includes(marker)), seen).toBe(true);
  }
  expect(places.some(({ where }) => where.startsWith('/locked/packs/')) && places.some(({ where }) => where.startsWith('/sealed/packs/'))).toBe(true);

  const found = Object.entries(secrets).flatMap(([name, secret]) => formsOf(secret).flatMap((form) => places.filter(({ bytes }) => bytes.includes(form)).map(({ where }) => `${name} in ${where}`)));
  expect([...new Set(found)]).toEqual([]);
}, 300_000);
