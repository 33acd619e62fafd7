import type { RestoreTask } from '../contracts/activities.ts';
import type { RestoreRequest, RestoreStep } from '../contracts/restoration.ts';
import type { RestoreTarget } from '../components/dataSource.ts';
import type { SourceDescriptionBody } from '../backupset/sourceDescription.ts';

/** What a data source needs to know to restore one step: from the plan, and from what the set says about the source. */
export function restoreTarget(step: Pick<RestoreStep, 'name' | 'fromInstance' | 'only'>, how: Pick<RestoreTask | RestoreRequest, 'mode' | 'existing' | 'mapping'>, description: SourceDescriptionBody): RestoreTarget {
  return {
    name: step.name, mode: how.mode, existing: how.existing, mapping: how.mapping, only: step.only,
    fromInstance: step.fromInstance,
    description: { version: description.version, inventory: description.inventory, warnings: description.warnings },
    selection: description.selection,
  };
}
