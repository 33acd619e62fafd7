/** A pair of data source and directory type that is refused, or warned of, although both sides could do it. */
export interface Veto {
  /** A data source by name, or all of one kind. */
  readonly source: string | { readonly kind: 'metadata' | 'serviceData' };
  /** A directory type by name, or all that lie on the protected cluster. */
  readonly type: string | { readonly offCluster: false };
  readonly verdict: 'warning' | 'refused';
  /** Shown to the operator. */
  readonly reason: string;
}

/** All vetoes; the first that fits decides. */
export const vetoes: readonly Veto[] = [
  {
    source: 'namenode',
    type: 'LocalHDFS',
    verdict: 'refused',
    reason: 'restoring it needs the NameNodes stopped: the image would lie in the file system that it must bring back',
  },
  {
    source: { kind: 'serviceData' },
    type: { offCluster: false },
    verdict: 'warning',
    reason: 'kept on the cluster it protects: check the free space, keep the path outside of what is backed up; it does not count as the copy off the cluster',
  },
];
