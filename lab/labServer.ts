import type { ProcessRecord } from './processes.ts';

export type ServerStatus = 'running' | 'stopped' | 'dead';

export interface ServerReport {
  readonly status: ServerStatus;
  /** Per role, such as `nameNode`: how its process is. */
  readonly processes: Readonly<Record<string, ServerStatus>>;
  readonly pids: Readonly<Record<string, number>>;
  readonly endpoints: Readonly<Record<string, string>>;
}

/** Where one server lives. */
export interface ServerPlace {
  readonly name: string;
  /** All of its files. */
  readonly folder: string;
  readonly secretsFolder: string;
  readonly toolsFolder: string;
  /** Per port role. */
  readonly ports: Readonly<Record<string, number>>;
}

/** One kind of server: what differs between HDFS and PostgreSQL. The verbs around it are in serverVerbs.ts. */
export interface LabServer {
  readonly portRoles: readonly string[];
  /** Roles in start order, each one process. */
  readonly processRoles: readonly string[];
  readonly stopSignal: NodeJS.Signals;
  readonly endpoints: (place: ServerPlace) => Readonly<Record<string, string>>;
  /** Makes the data once; does nothing when it is there. */
  readonly prepare: (place: ServerPlace) => Promise<void>;
  readonly startProcess: (place: ServerPlace, role: string) => Promise<ProcessRecord>;
  readonly isReady: (place: ServerPlace) => Promise<boolean>;
  /** Once it answers. Idempotent. */
  readonly afterStart?: (place: ServerPlace) => Promise<void>;
  /** Once it has ended: removes what it left outside its folder. */
  readonly afterStop?: (place: ServerPlace) => Promise<void>;
}
