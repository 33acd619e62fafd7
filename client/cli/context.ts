import type { Command } from 'commander';
import type { Catalogue } from '../../config/checkConfig.ts';
import type { Config } from '../../config/config.ts';
import { createOutput, type Output, type OutputFormat } from './output.ts';

/** What every command is given: the global options, and how to print. */
export interface CommandContext {
  readonly output: Output;
  readonly quiet: boolean;
  readonly configFile: string | undefined;
  /** One line for a person, on standard error; nothing with --quiet. */
  say(line: string): void;
  /** @throws Failure E_CONFIG */
  config(): Promise<Config>;
}

export interface GlobalOptions {
  readonly config?: string;
  readonly output?: OutputFormat;
  readonly quiet?: boolean;
  readonly color?: boolean;
}

/** Global options are accepted before and after the subcommand. */
export function contextOf(command: Command, catalogue: Catalogue | undefined): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>();
  const quiet = options.quiet === true;
  return {
    output: createOutput({ format: options.output ?? 'text', color: useColor(options) }),
    quiet,
    configFile: options.config,
    say(line) {
      if (!quiet) process.stderr.write(`${line}\n`);
    },
    async config() {
      const { loadConfig } = await import('../../config/loadConfig.ts');
      return await loadConfig({ file: options.config, env: process.env }, catalogue);
    },
  };
}

/** Only on a terminal, and not where the operator said no. */
function useColor({ color }: GlobalOptions): boolean {
  return color !== false && process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}
