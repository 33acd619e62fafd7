import { clusterCommands } from './commands/clusterCommands.ts';
import { configCommands } from './commands/configCommands.ts';
import { destinationCommands } from './commands/destinationCommands.ts';
import { mirrorCommands } from './commands/mirrorCommands.ts';
import { notBuilt } from './commands/notBuilt.ts';
import { upCommand, workerCommand } from './commands/partCommands.ts';
import { reapCommand } from './commands/reapCommand.ts';
import { restorationCommands } from './commands/restorationCommands.ts';
import { runCommands } from './commands/runCommands.ts';
import { setCommands } from './commands/setCommands.ts';
import { supportCommands } from './commands/supportCommands.ts';
import { taskCommands } from './commands/taskCommands.ts';
import type { CommandSpec, Noun } from './program.ts';

/** All nouns, one line each. */
export const nouns: readonly Noun[] = [
  clusterCommands,
  configCommands,
  destinationCommands,
  mirrorCommands,
  restorationCommands,
  runCommands,
  setCommands,
  supportCommands,
  taskCommands,
  { name: 'drill', description: 'Restore drills (not built yet)', verbs: [notBuilt('run <task>', 'Restore into a sandbox, compare, clean up, report', ['drill run nightly', 'drill run nightly --output json'], 'drill run')] },
];

/** Commands without a noun. */
export const singleCommands: readonly CommandSpec[] = [
  upCommand,
  workerCommand,
  reapCommand,
  notBuilt('server', 'The API and the dashboard', ['server', 'server --config /etc/mrs-backup.yaml'], 'server'),
];
