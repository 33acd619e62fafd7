import { describe, expect, it } from 'vitest';
import { renameRoles, roleTokens, splitStatements, withNames } from '../../components/dbservice/sqlStatements.ts';

const rename = (name: string): string => (name === 'hive' ? 'Hive"2' : name);
const renamed = (sql: string): string | undefined => {
  const statement = splitStatements(sql)[0]!;
  const places = roleTokens(statement);
  return places && withNames(statement, places, rename);
};

describe('statements of PostgreSQL\'s tools', () => {
  it('are split where they end, not in strings, comments, bodies or names', () => {
    const script = `-- a; b\n\\restrict abc\nCREATE FUNCTION f() AS $_$ x; 'y $_$;\nSELECT 'a;''b', E'\\';', ";";\nCREATE FUNCTION g() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n/* ; */ SELECT (1;2);`;
    expect(splitStatements(script).map((statement) => statement.text.trim().slice(-12))).toEqual([`$ x; 'y $_$;`, `E'\\';', ";";`.slice(-12), 'LECT 2; END;', 'ELECT (1;2);']);
  });

  it.each([
    [`ALTER FUNCTION s.f(a text) OWNER TO hive;`, `ALTER FUNCTION s.f(a text) OWNER TO "Hive""2";`],
    [`GRANT SELECT ON TABLE s."hive TO x" TO hive WITH GRANT OPTION;`, `GRANT SELECT ON TABLE s."hive TO x" TO "Hive""2" WITH GRANT OPTION;`],
    [`REVOKE ALL ON FUNCTION s.f("to" hive) FROM PUBLIC;`, `REVOKE ALL ON FUNCTION s.f("to" hive) FROM PUBLIC;`],
    [`ALTER DEFAULT PRIVILEGES FOR ROLE hive IN SCHEMA hive GRANT SELECT ON TABLES TO reader;`, `ALTER DEFAULT PRIVILEGES FOR ROLE "Hive""2" IN SCHEMA hive GRANT SELECT ON TABLES TO "reader";`],
    [`CREATE POLICY hive ON hive FOR SELECT TO a, hive USING ((x = 'TO hive'));`, `CREATE POLICY hive ON hive FOR SELECT TO "a", "Hive""2" USING ((x = 'TO hive'));`],
    [`SET SESSION AUTHORIZATION hive;`, `SET SESSION AUTHORIZATION "Hive""2";`],
    [`CREATE USER MAPPING FOR hive SERVER s OPTIONS (u 'hive');`, `CREATE USER MAPPING FOR "Hive""2" SERVER s OPTIONS (u 'hive');`],
  ])('get other role names in %s', (sql, expected) => {
    expect(renamed(sql)).toBe(expected);
  });

  it('that name no role are left alone', () => {
    expect(renamed('CREATE TABLE hive (hive int);')).toBeUndefined();
    const script = `--\n\\restrict hive\nCREATE TABLE hive (a text DEFAULT 'TO hive;');\nCREATE POLICY p ON t TO hive;\n\n-- end hive\n`;
    expect(renameRoles(script, (name) => name.replace('hive', 'hive2'))).toBe(script.replace('t TO hive;', 't TO hive2;'));
  });
});
