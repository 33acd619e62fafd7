/** What the child process is told: everything it needs to connect. */
export interface SmbSettings {
  /** Shared object: a path, or a name that the system finds. */
  readonly library: string;
  readonly server: string;
  readonly port: number;
  readonly share: string;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
  /** Nobody is logged in, so nothing is signed. */
  readonly guest: boolean;
  /** Refuse what is not encrypted. */
  readonly encryption: boolean;
  readonly timeoutSeconds: number;
}
