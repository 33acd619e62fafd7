/** A folder that was opened once and must stay the one its path leads to. */
export interface RootIdentity {
  readonly root: string;
  readonly shown: string;
  readonly writer: string | undefined;
  readonly dev: bigint;
  readonly ino: bigint;
}
