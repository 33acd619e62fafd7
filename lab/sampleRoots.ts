/** The folder of each HDFS server of cluster A that the ready task backs up and sample data goes to. A mirrored cluster starts empty. */
export const sampleRoots = { 'hdfs-a': '/data', 'hdfs-a-ns2': '/warehouse' } as const;
