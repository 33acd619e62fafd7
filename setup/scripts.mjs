const clusters = ['temporal', 'testServer', 'postgres', 'hadoop'];
const servers = [...clusters, 'openssh', 'nfs', 'samba', 'paramiko', 'seaweedfs', 's3proxy'];
const typeCheck = [['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'], ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'workflows']];
const vitest = (...args) => ['node_modules/vitest/vitest.mjs', 'run', ...args];

/** Per script: what it needs besides npm dependencies and Node 24, and what Node 24 runs, in turn. */
const scripts = {
  cli: (args) => ({ needs: args.some((each) => each === 'up' || each === 'demo') ? ['temporal'] : [], commands: [['client/cli/main.ts', ...args]] }),
  lab: (args) => ({ needs: needsOfLab(args), commands: [['lab/main.ts', ...args]] }),
  demo: (args) => ({ needs: [...clusters, 'java'], commands: [['lab/demo.ts', ...args]] }),
  // sshfs: a mount whose server can be stopped, for the guard of mounted shares. btrfs: a file system that has quotas wherever the kernel knows it.
  test: (args) => ({ needs: [...servers, 'sshfs', 'btrfs', 'java'], commands: [...typeCheck, vitest(...args)] }),
  'test:fast': (args) => ({ needs: ['testServer', 'temporal'], commands: [...typeCheck, vitest('--project', 'fast', ...args)] }),
  'record-histories': (args) => ({ needs: [...clusters, 'java'], commands: [['test/replay/record.ts', ...args]] }),
  docs: (args) => ({ needs: [], commands: [['docs/write.ts', ...args]] }),
  durability: (args) => ({ needs: [...servers, 'java'], commands: [['durability/main.ts', ...args]] }),
  bench: (args) => ({ needs: ['temporal', ...(wants(args, 'cluster') ? ['hadoop', 'java'] : []), ...(wants(args, 'destinations') ? ['openssh', 'nfs', 'samba', 'seaweedfs'] : [])], wishes: ['restic', 'rclone', ...(wants(args, 'destinations') ? ['nfsClient'] : []), ...(wants(args, 'pipeline') ? ['borg'] : []), ...(wants(args, 'cluster') ? ['distcp'] : [])], commands: [['bench/main.ts', ...args]] }),
  typecheck: (args) => ({ needs: [], commands: typeCheck.map((command) => [...command, ...args]) }),
};

/** What the servers of the lab need, as lab/servers.ts names them; the lists above have what tests need beside them. */
const needsOfServer = {
  ...Object.fromEntries(['hdfs-a', 'hdfs-a-ns2', 'hdfs-b', 'hdfs-b-ns2'].map((name) => [name, ['hadoop', 'java']])),
  dbservice: ['postgres'], 'dbservice-b': ['postgres'], nfs: ['nfs'], sftp: ['openssh'], 'sftp-plain': ['paramiko'], cifs: ['samba'], 's3-a': ['seaweedfs'], 's3-b': ['s3proxy', 'java'],
};

/** Only servers that are started need anything: those named, else all. An unknown name is the lab's to refuse. */
function needsOfLab(args) {
  if (!args.some((each) => each === 'up' || each === 'restart' || each === 'reset')) return [];
  const named = args.filter((each) => Object.hasOwn(needsOfServer, each));
  return [...new Set((named.length > 0 ? named : Object.keys(needsOfServer)).flatMap((name) => needsOfServer[name]))];
}

/** Whether the bench is to measure a part. */
function wants(args, part) {
  const only = args.flatMap((each, i) => (each === '--only' ? [args[i + 1]] : each.startsWith('--only=') ? [each.slice('--only='.length)] : []));
  return only.length === 0 || only.includes(part);
}

export const scriptNames = Object.keys(scripts);

export function scriptOf(name, args) {
  return name !== undefined && Object.hasOwn(scripts, name) ? scripts[name](args) : undefined;
}
