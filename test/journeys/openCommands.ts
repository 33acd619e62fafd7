import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import { answers } from '../../client/answers/answers.ts';
import { errorAnswer } from '../../client/answers/parts.ts';
import { runCommandLine } from '../../client/cli/runCommandLine.ts';
import { writeBulk } from '../../lab/damage.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct, type Product } from '../../lab/product.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { captured } from '../cli/captured.ts';
import { startSlow } from './startSlow.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Block = Record<string, Record<string, unknown>>;

/** A lab with a task, and the commands of a user of it. */
export interface CommandScene {
  readonly lab: Lab;
  readonly product: Product;
  readonly folder: string;
  /** Of the engine: not the folder that the configuration names. */
  readonly state: string;
  /** Names of the commands whose answers were checked. */
  readonly checked: ReadonlySet<string>;
  /** For a command that is started as a process. */
  readonly environment: NodeJS.ProcessEnv;
  /** Writes the lab's configuration anew, with two encrypted destinations and what the test adds. */
  configure(change: (config: { tasks: Block; destinations: Block }) => void): Promise<void>;
  /** Runs a command and checks its document against what docs/reference/ promises. */
  ask<T = Record<string, unknown>>(args: readonly string[], codes?: readonly number[]): Promise<T>;
  /** A command that must be refused, with an error that has its form. */
  refused(args: readonly string[], exitCode: number, code: string): Promise<{ readonly message: string; readonly hint: string }>;
  /** A full run that goes on slowly. */
  startSlow(): Promise<string>;
  close(): Promise<void>;
}

/** @param configure what the test adds to the configuration before mrs-backup starts */
export async function openCommandScene(servers: readonly string[], configure: Parameters<CommandScene['configure']>[0] = () => undefined): Promise<CommandScene> {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-commands-'));
  const state = join(folder, 'elsewhere');
  const configFile = join(folder, 'commands.yaml');
  const lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools') });
  await lab.up(servers);
  await makeSampleData(lab, { files: 30, largeBytes: 1 << 20, databases: ['hivemeta'], rows: 100 });
  if (servers.includes('hdfs-a')) await writeBulk(lab, 'hdfs-a', '/data/bulk', 2, 40 << 20);
  const secrets = { 'passphrase': 'correct horse', 'key': Buffer.alloc(32, 7).toString('base64'), 'wrong': 'battery staple', 'wrong-key': Buffer.alloc(32, 8).toString('base64') };
  for (const [name, text] of Object.entries(secrets)) {
    await writeFile(join(folder, name), `${text}\n`);
    await chmod(join(folder, name), 0o600);
  }
  const checked = new Set<string>();
  const product = openProduct(configFile, state);
  const scene: CommandScene = {
    lab, product, folder, state, checked,
    environment: { ...process.env, MRS_BACKUP_CONFIG: configFile, TERM: 'xterm' },
    async configure(change) {
      const config = parse(await readFile(lab.config(), 'utf8')) as { tasks: Block; destinations: Block };
      config.destinations['sealed'] = { type: 'LocalDir', path: join(folder, 'sealed'), allowRootFileSystem: true, encryption: { passphrase: { file: join(folder, 'passphrase') } } };
      config.destinations['locked'] = { type: 'LocalDir', path: join(folder, 'locked'), allowRootFileSystem: true, encryption: { key: { file: join(folder, 'key') } } };
      const { cluster } = config.tasks['nightly'] as { cluster: string };
      config.tasks['crypt'] = { cluster, sources: [{ source: 'dbservice', databases: ['hivemeta'] }], destinations: ['sealed', 'locked'] };
      change(config);
      await writeFile(configFile, stringify(config, { aliasDuplicateObjects: false }));
    },
    async ask<T>(args: readonly string[], codes: readonly number[] = [0]) {
      const name = [args.slice(0, 2).join(' '), args[0]!].find((each) => each in answers)!;
      const { result: code, stdout, stderr } = await captured(folder, { MRS_BACKUP_CONFIG: configFile }, () => runCommandLine([...args, '--output', 'json', '--quiet']));
      expect(codes, `mrs-backup ${args.join(' ')}\n${stdout}\n${stderr}`).toContain(code);
      const document = JSON.parse(stdout) as T;
      const parsed = (answers[name] as z.ZodType).safeParse(document);
      expect(parsed.error?.issues ?? [], `mrs-backup ${args.join(' ')}: ${JSON.stringify(document)}`).toEqual([]);
      checked.add(name);
      return document;
    },
    async refused(args, exitCode, code) {
      const answer = await product.run(...args, '--output', 'json');
      expect(answer.code, answer.stderr).toBe(exitCode);
      expect(answer.stderr).toMatch(new RegExp(`error\\[${code}\\]: .*\\nhint: .+`));
      const { error } = errorAnswer.parse(answer.json());
      expect(error.code).toBe(code);
      return error;
    },
    async startSlow() {
      const runId = await startSlow(product);
      await scene.ask(['run', 'limit', runId, '--bandwidth', '1MB/s', '--parallel', '1']);
      return runId;
    },
    async close() {
      await product.down();
      await lab.down();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await scene.configure(configure);
  await product.up();
  return scene;
}
