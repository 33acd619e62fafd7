import { Command, Option } from 'commander';
import type { Catalogue } from '../../config/checkConfig.ts';
import { contextOf, type CommandContext } from './context.ts';

/** What a command does; it prints its own result, or throws. */
export type Action = (context: CommandContext, args: readonly string[], options: Readonly<Record<string, unknown>>) => Promise<void>;

export interface CommandSpec {
  /** `run <name>`, as commander wants it. */
  readonly usage: string;
  readonly description: string;
  readonly options?: readonly Option[];
  /** At least two, as they would be typed, without `mrs-backup`. */
  readonly examples: readonly [string, string, ...string[]];
  readonly action: Action;
}

/** A noun: its verbs, or what it does by itself. */
export interface Noun {
  readonly name: string;
  readonly description: string;
  readonly verbs: readonly CommandSpec[];
}

/** Builds the whole command line. Nothing is run yet. @param catalogue see runCommandLine */
export function createProgram(nouns: readonly Noun[], single: readonly CommandSpec[], version: string, catalogue?: Catalogue): Command {
  const program = new Command('mrs-backup')
    .description('Durable backup and recovery of Hadoop-family clusters')
    .version(version, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  addGlobalOptions(program);
  program.addHelpText('after', '\nExamples:\n  mrs-backup up --state /var/lib/mrs-backup\n  mrs-backup task run nightly\n');
  for (const spec of single) add(program, spec, catalogue);
  for (const noun of nouns) {
    const command = program.command(noun.name).description(noun.description);
    prepare(command);
    // One of each of the first two verbs, or both of the only one.
    const examples = noun.verbs.length === 1 ? noun.verbs[0]!.examples : noun.verbs.map((verb) => verb.examples[0]);
    command.addHelpText('after', `\nExamples:\n${examples.slice(0, 2).map((example) => `  mrs-backup ${example}\n`).join('')}`);
    for (const verb of noun.verbs) add(command, verb, catalogue);
  }
  return program;
}

function add(parent: Command, spec: CommandSpec, catalogue: Catalogue | undefined): void {
  const command = parent.command(spec.usage).description(spec.description);
  prepare(command);
  for (const option of spec.options ?? []) command.addOption(option);
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  mrs-backup ${example}\n`).join('')}`);
  command.action(async () => {
    await spec.action(contextOf(command, catalogue), command.processedArgs.flatMap((value: unknown) => (value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)])), command.opts());
  });
}

function prepare(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined, writeErr: () => undefined }).showSuggestionAfterError(true);
  addGlobalOptions(command);
}

function addGlobalOptions(command: Command): void {
  for (const option of globalOptions()) command.addOption(option);
}

/** Of every command. */
export function globalOptions(): readonly Option[] {
  return [
    new Option('--config <file>', 'configuration (else $MRS_BACKUP_CONFIG, else ./mrs-backup.yaml)'),
    new Option('--output <format>', 'how results are printed (else text)').choices(['text', 'json', 'jsonl']),
    new Option('--quiet', 'no progress, no notes'),
    new Option('--no-color', 'no colours (NO_COLOR does the same)').default(undefined),
  ];
}
