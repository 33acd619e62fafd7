import type { DataSource } from '../components/dataSource.ts';
import type { StorageDriver } from '../storage/storageDriver.ts';
import type { SupportProof } from './supportProofs.ts';
import type { VendorRow } from './vendorMatrix.ts';
import type { Veto } from './vetoes.ts';

/** One cell of the support matrix: a data source on a directory type. */
export interface SupportCell {
  readonly source: string;
  readonly type: string;
  /** What the vendor's tool offers, in its words. */
  readonly vendor: string;
  readonly ours: 'supported' | 'warning' | 'refused';
  /** Whether a backup and its restoration were carried out between real servers of both, and recorded. */
  readonly proved: 'proved' | 'unproven';
  /** Why refused or warned of, and when it was proved; else ''. */
  readonly reason: string;
}

/** What the matrix is computed from. */
export interface SupportFacts {
  readonly vendorMatrix: readonly VendorRow[];
  /** Directory types, in the order of the columns. */
  readonly directoryTypes: readonly string[];
  readonly drivers: readonly Pick<StorageDriver, 'type' | 'capabilities'>[];
  readonly sources: readonly Pick<DataSource, 'name' | 'kind'>[];
  readonly vetoes: readonly Veto[];
  readonly proofs: readonly SupportProof[];
}

/**
 * The support matrix: every data source, known to the vendor or only to us, times every directory type. Nobody codes a pair: a cell follows
 * from what is built on both sides and from the vetoes.
 */
export function supportMatrix(facts: SupportFacts): { readonly rows: readonly SupportCell[] } {
  const { vendorMatrix, directoryTypes, drivers, sources } = facts;
  const names = union(vendorMatrix.map(({ source }) => source), sources.map(({ name }) => name));
  const types = union(directoryTypes, drivers.map(({ type }) => type));
  return { rows: names.flatMap((source) => types.map((type) => cell(source, type, facts))) };
}

function cell(source: string, type: string, facts: SupportFacts): SupportCell {
  const vendor = facts.vendorMatrix.find((row) => row.source === source)?.types[type] ?? 'no';
  const { ours, reason } = judge(source, type, facts);
  const proof = facts.proofs.find((each) => each.source === source && each.type === type);
  const proved = proof !== undefined && ours !== 'refused';
  return {
    source,
    type,
    vendor,
    ours,
    proved: proved ? 'proved' : 'unproven',
    reason: [reason, proved ? `proved ${proof.at.slice(0, 10)} against ${proof.servers}` : ''].filter((part) => part !== '').join('; '),
  };
}

function judge(source: string, type: string, facts: SupportFacts): Pick<SupportCell, 'ours' | 'reason'> {
  const driver = facts.drivers.find((each) => each.type === type);
  const declared = facts.sources.find(({ name }) => name === source);
  const kind = declared?.kind ?? facts.vendorMatrix.find((row) => row.source === source)?.kind;
  const veto = facts.vetoes.find(
    (each) =>
      (typeof each.source === 'string' ? each.source === source : each.source.kind === kind) &&
      (typeof each.type === 'string' ? each.type === type : driver?.capabilities.offCluster === false),
  );
  // A refusal for good is the truer answer than that something is not there yet.
  if (veto?.verdict === 'refused') return { ours: 'refused', reason: veto.reason };
  if (driver === undefined || declared === undefined) return { ours: 'refused', reason: 'not built yet' };
  if (veto !== undefined) return { ours: 'warning', reason: veto.reason };
  return { ours: 'supported', reason: '' };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])];
}
