import type pg from 'pg';

/** Fills a database, connected as superuser, with objects of many kinds that belong to `owner`. Replaces what an earlier call made. */
export async function fillDatabase(client: pg.Client, owner: string, rows: number): Promise<void> {
  await client.query('drop schema if exists sample cascade');
  await client.query(`create schema sample authorization ${owner}`);
  await client.query('begin');
  await client.query(`set local role ${owner}`);
  await client.query('set local search_path = sample');
  await client.query(`
    create type mood as enum ('calm', 'busy', 'it''s bad');
    create sequence ticket start 1000 increment 7;
    create table kinds (id bigserial primary key, name text not null, body bytea, doc jsonb, at timestamptz, day date, amount numeric(20, 5),
      ratio double precision, flag boolean, tags text[], matrix int[][], m mood default 'calm', ticket bigint default nextval('ticket'), id2 uuid default gen_random_uuid());
    create table details (kind bigint not null references kinds on delete cascade, line int, note text, primary key (kind, line), check (line >= 0));
    create table "Odd ""Name"" é" ("select" int, "with blank" text);
    create table nothing ();
    create table parted (id int, v text) partition by range (id);
    create table parted_low partition of parted for values from (0) to (100);
    create table parted_high partition of parted for values from (100) to (10000);
    create index kinds_tags on kinds using gin (tags);
    create view busy as select id, name from kinds where m <> 'calm';
    create materialized view totals as select count(*) as n from kinds;
    create function twice(x int) returns int language sql immutable as 'select x * 2';
    comment on table kinds is 'all kinds of columns';
    grant select on kinds to public;`);
  await client.query(`insert into kinds (name, body, doc, at, day, amount, ratio, flag, tags, matrix, m)
    select 'row ' || i || E' \\t\\n\\\\ é', decode(md5(i::text) || '00ff', 'hex'), jsonb_build_object('i', i, 'text', repeat('x', i % 50)), '2024-01-01Z'::timestamptz + i * interval '1 hour',
      date '2024-02-29' + i, i / 7.0, case when i % 100 = 0 then 'NaN'::float8 else i / 3.0 end, i % 2 = 0, array['a', null, 'b' || i], '{{1,2},{3,4}}', (array['calm', 'busy', 'it''s bad']::mood[])[1 + i % 3]
    from generate_series(1, $1::int) as i`, [rows]);
  await client.query(`insert into details select id, 1, repeat(md5(id::text), case when id % 500 = 0 then 10000 else 2 end) from kinds`);
  await client.query(`insert into "Odd ""Name"" é" values (1, null), (2, '')`);
  await client.query(`insert into parted select i, 'v' || i from generate_series(0, 999) as i`);
  await client.query('refresh materialized view totals');
  await client.query('commit');
}

/** Changes some rows of a filled database. */
export async function changeDatabase(client: pg.Client): Promise<void> {
  await client.query(`begin;
    update sample.kinds set name = name || ' changed', amount = amount + 1 where id % 10 = 0;
    delete from sample.kinds where id % 25 = 1;
    insert into sample.kinds (name) select 'new ' || i from generate_series(1, 10) as i;
    commit`);
}
