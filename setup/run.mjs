#!/usr/bin/env node
// What every npm script and ./mrs-backup call. An old Node must say so, not stumble over what it does not know: so nothing is imported before the check.
if (Number(process.versions.node.split('.')[0]) >= 20) import('./start.mjs');
else {
  process.stderr.write('error: Node ' + process.versions.node + ' is too old: 20 or later is needed (nodejs.org has packages for every system; distributions often have an older one)\n');
  process.exitCode = 2;
}
