import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other set-up does. The lock is a folder with a file per process that holds it, named after that: its owner, and
 * each process that `work` gives to its `hold(pid)`, which gives back what ends that. An installer outlives a set-up that was killed.
 * A folder renamed onto an empty one replaces it, onto one with a file fails: so taking the lock is one step,
 * and so is taking over after dead processes (whose files, of these very names, are removed first).
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  const owner = `${process.pid}-${startTicksOf(process.pid) ?? 'unknown'}`;
  const mine = `${path}.${owner}`;
  // Of those that were killed while they waited.
  for (const each of readdirSync(dirname(path))) if (each.startsWith(`${basename(path)}.`) && !lives(each.slice(basename(path).length + 1))) rmSync(join(dirname(path), each), { recursive: true, force: true });
  rmSync(mine, { recursive: true, force: true });
  mkdirSync(mine);
  writeFileSync(join(mine, owner), '');
  let told = false;
  try {
    while (!taken(mine, path)) {
      const held = ownersOf(path);
      for (const each of held.filter((name) => !lives(name))) remove(join(path, each));
      const living = held.find(lives);
      if (living !== undefined) {
        if (!told) process.stderr.write(`set-up: another set-up, or what one that was killed had started, is at work (process ${living.split('-')[0]}), waiting …\n`);
        told = true;
        await sleep(300);
      }
    }
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    throw error;
  }
  try {
    return await work((pid) => {
      const file = join(path, `${pid}-${startTicksOf(pid) ?? 'unknown'}`);
      writeFileSync(file, '');
      return () => remove(file);
    });
  } finally {
    remove(join(path, owner));
    try {
      rmdirSync(path);
    } catch {
      // The next owner was quicker.
    }
  }
}

function taken(mine, path) {
  try {
    renameSync(mine, path);
    return true;
  } catch (error) {
    if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
    throw error;
  }
}

function ownersOf(path) {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function remove(path) {
  try {
    unlinkSync(path);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function lives(owner) {
  const [pid, ticks] = owner.split('-');
  if (ticks !== 'unknown') return startTicksOf(Number(pid)) === ticks;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Start time of a process in clock ticks since boot; undefined when there is none (or no /proc). */
function startTicksOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
