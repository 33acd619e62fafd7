import { readDescription } from '../backupset/sourceDescription.ts';
import { readManifest } from '../backupset/readManifest.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../contracts/failure.ts';
import type { BackupOutcome } from '../contracts/run.ts';
import { openRepositoryAt } from './openRepositoryAt.ts';

/** As many warnings of a source are in the result of a run at most; from there on the set has more. */
const mostInResult = 20;

/**
 * A backup's report with every warning the set has: of many, a run's own result holds only the first. Where no destination can be read from
 * here, it stays as it is.
 */
export async function wholeReport(config: Config, outcome: BackupOutcome): Promise<BackupOutcome> {
  if (outcome.sources.every((each) => each.warnings.length <= mostInResult)) return outcome;
  for (const { name, setId, state } of outcome.destinations) {
    if (state !== 'sealed') continue;
    try {
      await using opened = await openRepositoryAt({ destination: name, config: async () => config });
      const manifest = await readManifest(opened.repository, setId);
      const sources = await Promise.all(outcome.sources.map(async (each) => {
        const part = manifest.sources.find((one) => one.source === each.source && one.instance === each.instance);
        if (part === undefined || each.warnings.length <= mostInResult) return each;
        const { warnings } = await readDescription(opened.repository, manifest, part);
        // What the run itself noticed is not in the set.
        const ofRun = each.warnings.filter((line) => /^the point in time of /.test(line));
        return { ...each, warnings: [...ofRun, ...warnings] };
      }));
      return { ...outcome, sources };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }
  return outcome;
}
