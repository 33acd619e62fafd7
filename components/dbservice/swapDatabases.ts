import type pg from 'pg';
import { Failure } from '../../contracts/failure.ts';
import { allowConnections, databaseState, dropDatabase, isMarked, renameDatabases } from './databaseState.ts';
import type { RestoredDatabase } from './restoreNames.ts';

/**
 * Gives restored databases their final names and keeps what had them before: all of them in one transaction. Decides by what exists,
 * so it may be repeated after a crash at any step. Returns the names of what was kept.
 * @throws Failure E_TARGET_EXISTS when somebody made a database of the final name between two renames, E_BUSY
 */
export async function swapIn(client: pg.ClientBase, databases: readonly RestoredDatabase[], targetName: string): Promise<readonly string[]> {
  const renames: { from: string; to: string }[] = [];
  const kept: string[] = [];
  for (const one of databases) {
    const [work, final, before] = [await databaseState(client, one.work), await databaseState(client, one.final), await databaseState(client, one.before)];
    if (before) kept.push(one.before);
    if (!work) {
      if (!isMarked(final, 'restored', targetName)) throw new Failure('E_TARGET_EXISTS', `database ${one.work}, which should become ${one.final}, is not there`, { hint: 'the restoration has to be run again' });
      for (const state of [final, before]) if (state && !state.allowsConnections) await allowConnections(client, state.name, true);
      continue;
    }
    if (!isMarked(work, 'restored', targetName)) throw new Failure('E_TARGET_EXISTS', `database ${one.work} is not restored completely by ${targetName}`, { hint: 'the restoration has to be run again' });
    if (final && before) throw new Failure('E_TARGET_EXISTS', `databases ${one.final} and ${one.before} both exist: another ${one.final} was made during the swap`, { hint: `look at both, then drop or rename ${one.final}` });
    if (final) {
      renames.push({ from: one.final, to: one.before });
      kept.push(one.before);
    }
    renames.push({ from: one.work, to: one.final });
  }
  await renameDatabases(client, renames);
  return kept;
}

/** Undoes `swapIn`, wherever it stood, and drops what the restoration made. Missing is done. */
export async function swapBack(client: pg.ClientBase, databases: readonly RestoredDatabase[], targetName: string): Promise<void> {
  const renames: { from: string; to: string }[] = [];
  for (const one of databases) {
    const [work, final, before] = [await databaseState(client, one.work), await databaseState(client, one.final), await databaseState(client, one.before)];
    if (before) {
      if (final && work) throw new Failure('E_TARGET_EXISTS', `databases ${one.final} and ${one.before} both exist: another ${one.final} was made during the swap`, { hint: `look at both; ${one.before} is what was there before the restoration` });
      // The kept one is there only if this restoration's database got the final name.
      if (final) renames.push({ from: one.final, to: one.work });
      renames.push({ from: one.before, to: one.final });
    } else if (final && isMarked(final, 'restored', targetName)) renames.push({ from: one.final, to: one.work });
    else if (final && !final.allowsConnections) await allowConnections(client, final.name, true);
  }
  await renameDatabases(client, renames);
  for (const one of databases) {
    const work = await databaseState(client, one.work);
    const ours = work && (work.comment === null || isMarked(work, 'restored', targetName) || isMarked(work, 'restoring', targetName) || renames.some(({ to }) => to === one.work));
    if (ours) await dropDatabase(client, one.work);
  }
}
