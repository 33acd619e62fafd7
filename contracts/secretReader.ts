/** Where a secret is: never the secret itself. Exactly one way. */
export type SecretReference =
  /** A file; a relative path counts from the configuration file. */
  | { readonly file: string }
  /** An environment variable of the process that uses it. */
  | { readonly env: string };

/**
 * Reads the secret behind a reference: the first line without its line end, or all of it (a private key). Called as late as possible; the
 * value is not kept.
 * @throws Failure E_SECRET naming the reference, never the value.
 */
export type SecretReader = (reference: SecretReference, extent?: 'firstLine' | 'all') => Promise<string>;
