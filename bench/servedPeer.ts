/** What a user would do instead with a server: bring a folder there and back. Every step is a line for bash. */
export interface ServedPeer {
  readonly name: string;
  readonly version: string | undefined;
  /** Why it cannot be measured. */
  readonly missing?: string;
  /** Names of the corpora that it is measured with; all of them by default. */
  readonly corpora?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** `name`: of the folder, or the repository, on the server. */
  store(corpus: string, name: string): string;
  fetch(name: string, to: string): string;
  /** It ends with a line of JSON, `{"requests": n}`. */
  readonly countsRequests?: true;
}
