import { Failure } from '../../../contracts/failure.ts';
import type { VerificationLevel } from '../../../contracts/run.ts';
import type { SetCopy } from '../../../backupset/copySet.ts';
import type { CommandContext } from '../context.ts';
import { ExitCode } from '../failure.ts';
import { bytesText, durationText, pairsText } from '../format.ts';
import { interruptible } from '../interruptible.ts';
import { option } from '../option.ts';
import type { Noun } from '../program.ts';
import type { LocatedSet } from '../../locateSet.ts';
import { withEngine } from '../withEngine.ts';
import { notBuilt } from './notBuilt.ts';

/** Where the sets are: with a folder, nothing else is needed; no engine, no configuration. */
const where = () => [
  option('--destination <name|folder>', 'a destination of the configuration, or the folder of a repository (else all that are configured)'),
  option('--key-file <file>', 'file with the key of an encrypted repository'),
  option('--passphrase-file <file>', 'file with the passphrase of an encrypted repository'),
];

export const setCommands: Noun = {
  name: 'set',
  description: 'Backup sets: list, verify and extract with nothing but the repository',
  verbs: [
    {
      usage: 'list',
      description: 'The sets of a repository, or of all configured ones, oldest first; exit code 3 when one of several does not answer',
      options: [...where(), option('--cluster <name>', 'only of this cluster'), option('--task <name>', 'only of this task')],
      examples: ['set list --destination vault', 'set list --destination /backup --output json', 'set list'],
      async action(context, _args, options) {
        const { destination, cluster, task } = options as { destination?: string; cluster?: string; task?: string };
        const { listSetsAt } = await import('../../listSetsAt.ts');
        const names = destination === undefined ? Object.keys((await context.config()).destinations) : [destination];
        const { sets: all, unreachable } = await listSetsAt({ ...keys(options), config: () => context.config() }, names);
        const sets = all.filter((set) => (cluster === undefined || set.cluster === cluster) && (task === undefined || set.task === task));
        const several = names.length > 1;
        for (const each of unreachable) context.say(`${each.destination} is not listed: error[${each.code}]: ${each.message}`);
        await context.output.result({ sets, unreachable }, () => context.output.table({
          head: [...(several ? ['destination'] : []), 'set', 'cluster', 'task', 'recovery point', 'kind', 'state', 'files', 'size', 'stored', 'verified'],
          rows: sets.map((set) => [...(several ? [set.destination] : []), set.setId, set.cluster, set.task, set.recoveryPoint, set.kind, set.state, set.files, bytesText(set.bytes), bytesText(set.storedBytes), set.verified ?? '']),
          empty: 'no set',
        }), sets);
        if (unreachable.length > 0) throw new ExitCode(3);
      },
    },
    {
      usage: 'show <set>',
      description: 'A set: what is in it, and how it was proved',
      options: where(),
      examples: ['set show 20261124T010000Z-1a2b3c4d --destination vault', 'set show 20261124T010000Z-1a2b3c4d --destination /backup --output json'],
      async action(context, [setId = ''], options) {
        await using opened = await locate(context, options, setId);
        const [{ readManifestOf }, { readDescription }] = await Promise.all([import('../../../backupset/readManifest.ts'), import('../../../backupset/sourceDescription.ts')]);
        const manifest = await readManifestOf(opened.repository, opened.set);
        const sources = await Promise.all(manifest.sources.map(async (part) => ({ ...part, warnings: (await readDescription(opened.repository, manifest, part)).warnings })));
        await context.output.result({ ...manifest, sources }, async () => `${pairsText([['set', manifest.setId], ['destination', opened.destination], ['cluster', manifest.cluster], ['task', manifest.task], ['recovery point', manifest.recoveryPoint], ['written by', manifest.productVersion]])}\n${await context.output.table({
          head: ['source', 'instance', 'kind', 'files', 'entries', 'size', 'stored', 'gaps'],
          rows: manifest.sources.map((each) => [each.source, each.instance, each.kind, each.files, each.entries, bytesText(each.bytes), bytesText(each.storedBytes), each.gaps]),
          empty: 'nothing',
        })}${sources.flatMap((each) => each.warnings.map((warning) => `\n${each.source}@${each.instance}: ${warning}`)).join('')}`);
      },
    },
    {
      usage: 'verify <set>',
      description: 'Check a set against its manifest; exit code 3 when something is damaged',
      options: [...where(), option('--level <level>', 'presence: objects are there; stored: their digests; content: every byte, opened').choices(['presence', 'stored', 'content']).default('stored'), option('--detach', 'let a worker of the set\'s cluster do it, as a run that survives restarts, and return its id at once')],
      examples: ['set verify 20261124T010000Z-1a2b3c4d --destination vault --level content', 'set verify 20261124T010000Z-1a2b3c4d --destination /backup --key-file key --output json'],
      async action(context, [setId = ''], options) {
        await using opened = await locate(context, options, setId, options['level'] !== 'content' && options['detach'] !== true);
        if (options['detach'] === true) return await startVerification(context, opened, options['level'] as VerificationLevel);
        const [{ verifySet }, { writeProof }, { createFramePool }] = await Promise.all([import('../../../backupset/verifySet.ts'), import('../../../backupset/proofs.ts'), import('../../../backupset/framePool.ts')]);
        await using pool = createFramePool({ threads: 2 });
        let saidMs = Date.now();
        const result = await interruptible((signal) => verifySet(opened.repository, pool, opened.set, options['level'] as VerificationLevel, {
          signal,
          onProgress(done) {
            if (Date.now() - saidMs < 5_000) return;
            saidMs = Date.now();
            context.say(`${done.checkedObjects} objects, ${bytesText(done.checkedBytes)} checked`);
          },
        }), 'nothing was changed; start it again');
        // Without the key the manifest is not proved to be ours: that is no proof for others. A repository that cannot be written to can be verified all the same.
        if (opened.repository.keyless === true) context.say('the proof is not kept: without the key nobody knows who wrote the manifest');
        else await writeProof(opened.repository, result, opened.set).catch((error: unknown) => context.say(`the proof is not kept: ${error instanceof Error ? error.message : String(error)}`));
        await context.output.result(result, () => [`${result.setId}: ${result.ok ? 'ok' : `damaged, ${result.damage.length} objects`} (${result.level}, ${result.checkedObjects} objects, ${bytesText(result.checkedBytes)})`, ...result.damage.map((each) => `  ${each.kind}: ${each.object}${each.entries.length === 0 ? '' : ` hits ${each.entries.slice(0, 5).join(', ')}`}`)].join('\n'));
        if (!result.ok) throw new ExitCode(3);
      },
    },
    {
      usage: 'extract <set> <source> <paths...>',
      description: 'Write files of a set into a local folder, without any cluster; the source is named hdfs or hdfs@hacluster; exit code 3 when some could not be written',
      options: [...where(), option('--to <folder>', 'where to').makeOptionMandatory()],
      examples: ['set extract 20261124T010000Z-1a2b3c4d hdfs@hacluster /data/sales --to out --destination vault', 'set extract 20261124T010000Z-1a2b3c4d dbservice databases/hivemeta --to out --destination /backup --output json'],
      async action(context, [setId = '', source = '', ...paths], options) {
        await using opened = await locate(context, options, setId);
        const [{ extractEntries }, { readManifestOf }, { createFramePool }] = await Promise.all([import('../../../backupset/extractEntries.ts'), import('../../../backupset/readManifest.ts'), import('../../../backupset/framePool.ts')]);
        const manifest = await readManifestOf(opened.repository, opened.set);
        const found = manifest.sources.filter((each) => source === each.source || source === `${each.source}@${each.instance}`);
        const one = found[0];
        if (one === undefined || found.length > 1) {
          throw new Failure('E_USAGE', one === undefined ? `the set ${setId} has no source ${source}` : `the set ${setId} has ${source} of several instances`, { hint: `sources: ${manifest.sources.map((each) => `${each.source}@${each.instance}`).join(', ')}` });
        }
        await using pool = createFramePool({ threads: 2 });
        const result = await interruptible((signal) => extractEntries(opened.repository, pool, { setId, manifest, source: one.source, instance: one.instance, paths, to: String(options['to']), signal }), 'what was written so far is whole; start it again');
        await context.output.result({ setId, ...result }, () => [
          `${setId}: ${result.files} files, ${bytesText(result.bytes)} in ${String(options['to'])}${result.failedTotal === 0 ? '' : `; ${result.failedTotal} entries could not be extracted`}`,
          ...result.failed.slice(0, 20).map((each) => `  ${each.key}: ${each.reason}`),
          ...(result.failedTotal > 20 ? [`  and ${result.failedTotal - 20} more`] : []),
        ].join('\n'));
        if (result.failedTotal > 0) throw new ExitCode(3);
      },
    },
    {
      usage: 'copy <set>',
      description: 'Bring a set to another destination, byte for byte, as after an outage; what is there already is not sent again; exit code 3 when something of it is damaged',
      options: [
        option('--to <name|folder>', 'a destination of the configuration, or the folder of a repository').makeOptionMandatory(),
        option('--from <name|folder>', 'where the set comes from (else the first destination that is configured and has it)'),
        option('--dry-run', 'only say what would be sent'),
      ],
      examples: ['set copy 20261124T010000Z-1a2b3c4d --to vault', 'set copy 20261124T010000Z-1a2b3c4d --from vault --to offsite --dry-run --output json'],
      async action(context, [setId = ''], options) {
        const { from, to, dryRun = false } = options as { from?: string; to: string; dryRun?: boolean };
        const { copySetTo } = await import('../../copySetTo.ts');
        const begunMs = Date.now();
        let saidMs = begunMs;
        const onProgress = (done: SetCopy, total: SetCopy): void => {
          if (Date.now() - saidMs < 5_000) return;
          saidMs = Date.now();
          const restSeconds = (((saidMs - begunMs) / 1000) * (total.bytes - done.bytes)) / Math.max(1, done.bytes);
          context.say(`${done.objects} of ${total.objects} objects, ${bytesText(done.bytes)} of ${bytesText(total.bytes)}, ETA ${durationText(restSeconds)}`);
        };
        const result = await interruptible((signal) => copySetTo({ config: () => context.config(), setId, from, to, dryRun, signal, onProgress }), 'what was copied so far stays, and is no set yet; start it again and it goes on');
        await context.output.result(result, () => `${setId}: ${dryRun ? 'would send' : 'sent'} ${result.copiedObjects} of ${result.objects} objects, ${bytesText(result.copiedBytes)} of ${bytesText(result.bytes)}, from ${result.from} to ${result.to}${result.verified === null ? '' : result.verified.ok ? `; sealed, verified (${result.verified.level})` : `; damaged there, ${result.verified.damage} objects`}`);
        if (result.verified?.ok === false) throw new ExitCode(3);
      },
    },
    notBuilt('diff <set> <other>', 'What changed between two sets', ['set diff A B --destination vault', 'set diff A B --destination vault --output json'], 'set diff'),
    notBuilt('keep <set>', 'Never delete a set', ['set keep A', 'set keep A --output json'], 'set keep'),
    notBuilt('release <set>', 'The opposite of keep', ['set release A', 'set release A --output json'], 'set release'),
    notBuilt('delete <set>', 'Delete a set', ['set delete A', 'set delete A --output json'], 'set delete'),
    notBuilt('expire', 'Delete what retention no longer wants', ['set expire', 'set expire --output json'], 'set expire'),
  ],
};

/** Where the set is must have a name, and its cluster a worker. */
async function startVerification(context: CommandContext, { destination, set }: LocatedSet, level: VerificationLevel): Promise<void> {
  await withEngine(context, async (engine, config) => {
    if (config.destinations[destination] === undefined) throw new Failure('E_USAGE', `${destination} is not a destination of the configuration`, { hint: 'a worker knows those only; without --detach a folder will do' });
    if (config.clusters[set.cluster] === undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${set.cluster}, whose worker would do it`, { hint: 'without --detach no cluster is needed' });
    const { startVerify } = await import('../../startRun.ts');
    const runId = await startVerify(engine, { cluster: set.cluster, destination, setId: set.setId, level });
    await context.output.result({ setId: set.setId, level, runId, outcome: 'running' }, () => `${runId}\nfollow it: mrs-backup run watch ${runId}`);
  });
}

async function locate(context: CommandContext, options: Readonly<Record<string, unknown>>, setId: string, keyless = false) {
  const { locateSet } = await import('../../locateSet.ts');
  return await locateSet({ destination: options['destination'] as string | undefined, config: () => context.config(), ...keys(options), keyless }, setId);
}

function keys(options: Readonly<Record<string, unknown>>): { readonly keyFile: string | undefined; readonly passphraseFile: string | undefined } {
  const { keyFile, passphraseFile } = options as { keyFile?: string; passphraseFile?: string };
  if (keyFile !== undefined && passphraseFile !== undefined) throw new Failure('E_USAGE', '--key-file and --passphrase-file exclude each other');
  return { keyFile, passphraseFile };
}
