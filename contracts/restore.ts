/** `beside`: to another name than the original's. `inPlace`: where the original is, which is kept aside. `mirror`: same names on another cluster. */
export type RestoreMode = 'beside' | 'inPlace' | 'mirror';

/** What to do where a target exists already: refuse the plan, keep what is there, or overwrite it. */
export type ExistingPolicy = 'fail' | 'skip' | 'force';

/** From the names in the set to the names at the target. What is not named keeps its name (mirror) or gets a new one beside it (beside). */
export interface RestoreMapping {
  /** `<source>@<instance>` in the set → instance name at the target cluster. */
  readonly instances: Readonly<Record<string, string>>;
  /** Path prefixes, longest match first. */
  readonly paths: readonly { readonly from: string; readonly to: string }[];
  /** Database → database. */
  readonly databases: Readonly<Record<string, string>>;
  /** Users, groups and roles. */
  readonly owners: Readonly<Record<string, string>>;
}
