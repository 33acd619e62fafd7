import { z } from 'zod';

const secretReference = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);

/** The longest name PostgreSQL keeps whole, in bytes. */
export const longestName = 63;

const databaseName = z.string().min(1).refine((name) => Buffer.byteLength(name) <= longestName && !name.includes('\0'), 'at most 63 bytes and no NUL');

/** A service instance's block in the configuration: where the server is, and which service keeps what in it. */
export const dbserviceInstance = z.strictObject({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65535).default(5432),
  user: z.string().min(1),
  password: secretReference,
  /** The database connections are made to when none in particular is meant. Never backed up or restored through itself. */
  database: databaseName.default('postgres'),
  /** Folder of `pg_dump`, `pg_dumpall` and `pg_restore`; the PATH of the worker otherwise. */
  binaries: z.string().min(1).optional(),
  sslmode: z.enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']).default('prefer'),
  /** PEM file with the certificates that sign the server's, for `verify-ca` and `verify-full`. */
  rootCertificate: z.string().min(1).optional(),
  databases: z.record(databaseName, z.strictObject({ service: z.string().min(1), owner: z.string().min(1) })),
});

export type DbserviceInstance = z.infer<typeof dbserviceInstance>;

/** What a task may select: some of the configured databases; all of them otherwise. */
export const dbserviceSelection = z.strictObject({ databases: z.array(databaseName).min(1).optional() });

export type DbserviceSelection = z.infer<typeof dbserviceSelection>;
