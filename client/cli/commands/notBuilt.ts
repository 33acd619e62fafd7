import { Failure } from '../../../contracts/failure.ts';
import type { CommandSpec } from '../program.ts';

/** A command that is planned: it says so and refuses. */
export function notBuilt(usage: string, description: string, examples: CommandSpec['examples'], name: string): CommandSpec {
  return {
    usage,
    description: `${description} (not built yet)`,
    examples,
    async action() {
      throw new Failure('E_NOT_BUILT', `mrs-backup ${name} is not built yet`, { hint: 'mrs-backup --help shows what is' });
    },
  };
}
