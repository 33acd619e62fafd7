import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** Body of the process of `startCheckGuard`: waits for the end of its input, which is the end of the check. */
const patienceMs = 10 * 60 * 1000;
const pauseMs = 1000;
/** What a killed check had asked for may still happen at the server: gone is what is not there twice. */
const looksNeeded = 2;

const [file, destination, prefix, writer] = process.argv.slice(2) as [string, string, string, string];
if ((await text(process.stdin)) === 'released') process.exit(0);

// Loaded only now: a check that ends well does not pay for it.
const [{ loadConfig }, { openSession }, { removeTree }] = await Promise.all([import('../config/loadConfig.ts'), import('./openRepositoryAt.ts'), import('../storage/removeTree.ts')]);
const config = await loadConfig({ file, env: process.env });
const deadline = Date.now() + patienceMs;
for (let emptyLooks = 0; emptyLooks < looksNeeded && Date.now() < deadline;) {
  await sleep(pauseMs);
  emptyLooks = (await remove().catch(() => 1)) === 0 ? emptyLooks + 1 : 0;
}
process.exit(0);

/** Returns how much was there: objects, and temporary ones of the check's own. */
async function remove(): Promise<number> {
  await using session = await openSession(config, destination, writer);
  return (await removeTree(session, prefix)) + (await session.sweep(Infinity, undefined, prefix)).length;
}
