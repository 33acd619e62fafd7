const clusters = ['temporal', 'testServer', 'postgres', 'hadoop'];
const servers = [...clusters, 'openssh', 'nfs', 'samba', 'paramiko', 'seaweedfs', 's3proxy'];
const typeCheck = [['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'], ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'workflows']];
const vitest = (...args) => ['node_modules/vitest/vitest.mjs', 'run', ...args];

/** Per script: what it needs besides npm dependencies and Node 24, and what Node 24 runs, in turn. */
const scripts = {
  cli: (args) => ({ needs: args.some((each) => each === 'up' || each === 'demo') ? ['temporal'] : [], commands: [['client/cli/main.ts', ...args]] }),
  lab: (args) => ({ needs: [...servers, 'java'], commands: [['lab/main.ts', ...args]] }),
  demo: (args) => ({ needs: [...clusters, 'java'], commands: [['lab/demo.ts', ...args]] }),
  // sshfs: a mount whose server can be stopped, for the guard of mounted shares.
  test: (args) => ({ needs: [...servers, 'sshfs', 'java'], commands: [...typeCheck, vitest(...args)] }),
  'test:fast': (args) => ({ needs: ['testServer', 'temporal'], commands: [...typeCheck, vitest('--project', 'fast', ...args)] }),
  'record-histories': (args) => ({ needs: [...clusters, 'java'], commands: [['test/replay/record.ts', ...args]] }),
  docs: (args) => ({ needs: [], commands: [['docs/write.ts', ...args]] }),
  durability: (args) => ({ needs: [...servers, 'java'], commands: [['durability/main.ts', ...args]] }),
  bench: (args) => ({ needs: ['temporal', ...(wants(args, 'cluster') ? ['hadoop', 'java'] : []), ...(wants(args, 'destinations') ? ['openssh', 'nfs', 'samba', 'seaweedfs'] : [])], wishes: ['restic', 'rclone', ...(wants(args, 'pipeline') ? ['borg'] : []), ...(wants(args, 'cluster') ? ['distcp'] : [])], commands: [['bench/main.ts', ...args]] }),
  typecheck: (args) => ({ needs: [], commands: typeCheck.map((command) => [...command, ...args]) }),
};

/** Whether the bench is to measure a part. */
function wants(args, part) {
  const only = args.flatMap((each, i) => (each === '--only' ? [args[i + 1]] : each.startsWith('--only=') ? [each.slice('--only='.length)] : []));
  return only.length === 0 || only.includes(part);
}

export const scriptNames = Object.keys(scripts);

export function scriptOf(name, args) {
  return name !== undefined && Object.hasOwn(scripts, name) ? scripts[name](args) : undefined;
}
