/**
 * What every session of ours begins with, as the options of a connection (`PGOPTIONS`): stronger than the settings of a database or a role,
 * which may forbid writing, end statements after a while, or change how names and times are written. Only what servers of all ages know.
 */
export const sessionOptions = Object.entries({
  statement_timeout: '0',
  default_transaction_read_only: 'off',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  search_path: 'pg_catalog',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
}).map(([name, value]) => `-c ${name}=${value}`).join(' ');
