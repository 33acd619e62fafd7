import type { connectDbservice } from '../lab/dbservice.ts';

/**
 * The rows of every table of a database, as one digest a table; by plain SQL, with nothing of the product.
 * Where sequences stand is left out: a server that is killed skips up to 32 values of them.
 */
export async function databaseDigest(client: Awaited<ReturnType<typeof connectDbservice>>): Promise<string> {
  const { rows: tables } = await client.query<{ name: string }>(`SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`);
  const lines: string[] = [];
  for (const { name } of tables) {
    const { rows } = await client.query<{ digest: string }>(`SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"), '')) AS digest FROM ${name} t`);
    lines.push(`${name} ${rows[0]!.digest}`);
  }
  return lines.join('\n');
}
