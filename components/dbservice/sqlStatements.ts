/** A piece of SQL that decides something: a bare word in capitals, a quoted or bare identifier, or a symbol. Strings and comments are left out. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'symbol';
  /** The identifier without its quotes; a symbol's character. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Parentheses around it. */
  readonly depth: number;
}

export interface SqlStatement {
  readonly text: string;
  readonly tokens: readonly SqlToken[];
}

const pattern = /--[^\n]*|\/\*[\s\S]*?\*\/|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"((?:[^"]|"")*)"|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?\$\2\$|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|\d[\w.]*|([^\s])/g;

/**
 * Splits a script of PostgreSQL's tools into statements, quoting of all kinds respected. `\restrict` lines, which are for psql, are dropped.
 * Whole script in memory: for definitions, never for rows. SQL-standard function bodies (`BEGIN ATOMIC … END`) keep their statements together.
 */
export function splitStatements(script: string): SqlStatement[] {
  const text = script.replace(/^\\(un)?restrict .*$/gm, '');
  const statements: SqlStatement[] = [];
  let tokens: SqlToken[] = [];
  let begin = 0;
  let depth = 0;
  let atomic = 0;
  for (const match of text.matchAll(pattern)) {
    const [whole, quoted, , word, symbol] = match;
    const start = match.index;
    const end = start + whole.length;
    if (symbol === '(') depth++;
    if (symbol === ')') depth--;
    if (word !== undefined) {
      const upper = word.toUpperCase();
      if (upper === 'ATOMIC' && tokens.at(-1)?.text.toUpperCase() === 'BEGIN') atomic = 1;
      else if (atomic > 0 && upper === 'CASE') atomic++;
      else if (atomic > 0 && upper === 'END') atomic--;
      tokens.push({ kind: 'word', text: word, start: start - begin, end: end - begin, depth });
    } else if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.replaceAll('""', '"'), start: start - begin, end: end - begin, depth });
    else if (symbol !== undefined) {
      tokens.push({ kind: 'symbol', text: symbol, start: start - begin, end: end - begin, depth });
      if (symbol === ';' && depth === 0 && atomic === 0) {
        statements.push({ text: text.slice(begin, end), tokens });
        tokens = [];
        begin = end;
      }
    }
  }
  return statements;
}

/** Whether the token is this keyword. */
export const isWord = (token: SqlToken | undefined, ...words: readonly string[]): boolean => token?.kind === 'word' && words.includes(token.text.toUpperCase());

const isName = (token: SqlToken | undefined): boolean => token !== undefined && token.kind !== 'symbol';

/** Positions of the role names in a statement that says who owns or may do something; `undefined` for every other statement. */
export function roleTokens(statement: SqlStatement): readonly SqlToken[] | undefined {
  const { tokens } = statement;
  const first = tokens[0];
  const at = (index: number): SqlToken[] => { const token = tokens[index]; return token && isName(token) ? [token] : []; };
  if (isWord(first, 'ALTER') && isWord(tokens.at(-4), 'OWNER') && isWord(tokens.at(-3), 'TO')) return at(tokens.length - 2);
  if (isWord(first, 'SET') && isWord(tokens[1], 'SESSION') && isWord(tokens[2], 'AUTHORIZATION')) return at(3);
  if (isWord(first, 'RESET') && isWord(tokens[1], 'SESSION') && isWord(tokens[2], 'AUTHORIZATION')) return [];
  const defaults = isWord(first, 'ALTER') && isWord(tokens[1], 'DEFAULT') && isWord(tokens[2], 'PRIVILEGES');
  if (defaults || isWord(first, 'GRANT', 'REVOKE')) {
    const roles: SqlToken[] = defaults && isWord(tokens[3], 'FOR') && isWord(tokens[4], 'ROLE') ? at(5) : [];
    const last = tokens.findLastIndex((token) => token.depth === 0 && isWord(token, 'TO', 'FROM'));
    return last < 0 ? undefined : [...roles, ...at(last + 1).filter((token) => !isWord(token, 'PUBLIC'))];
  }
  if (isWord(first, 'CREATE') && isWord(tokens[1], 'POLICY')) {
    const roles: SqlToken[] = [];
    let index = tokens.findIndex((token) => token.depth === 0 && isWord(token, 'TO'));
    if (index < 0) return [];
    do roles.push(...at(++index).filter((token) => !isWord(token, 'PUBLIC', 'CURRENT_USER', 'SESSION_USER', 'CURRENT_ROLE')));
    while (tokens[++index]?.text === ',');
    return roles;
  }
  if (isWord(first, 'CREATE') && isWord(tokens[1], 'USER') && isWord(tokens[2], 'MAPPING')) return isWord(tokens[4], 'PUBLIC') ? [] : at(4);
  return undefined;
}

/** The statement with other names in the places of these tokens. `rename` gives the new name, unquoted. */
export function withNames(statement: SqlStatement, places: readonly SqlToken[], rename: (name: string) => string): string {
  let text = statement.text;
  for (const token of [...places].sort((a, b) => b.start - a.start)) {
    const name = token.kind === 'word' ? token.text.toLowerCase() : token.text;
    text = `${text.slice(0, token.start)}"${rename(name).replaceAll('"', '""')}"${text.slice(token.end)}`;
  }
  return text;
}

const quotedAsTools = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

/**
 * A script of definitions with other role names in it, quoted as the tools do it; everything else stays as it is. The roles of a policy,
 * which the tools give in any order, are put in order, so that equal policies have equal text.
 */
export function renameRoles(script: string, rename: (name: string) => string): string {
  let result = '';
  let at = 0;
  // The `\restrict` lines are blanked, not dropped, before splitting: positions stay those of the script.
  for (const statement of splitStatements(script.replace(/^\\(un)?restrict .*$/gm, (line) => ' '.repeat(line.length)))) {
    let text = script.slice(at, at + statement.text.length);
    at += statement.text.length;
    const places = roleTokens(statement) ?? [];
    const names = places.map((token) => quotedAsTools(rename(token.kind === 'word' ? token.text.toLowerCase() : token.text)));
    if (isWord(statement.tokens[1], 'POLICY')) names.sort();
    for (const [i, token] of [...places.entries()].reverse()) text = `${text.slice(0, token.start)}${names[i]}${text.slice(token.end)}`;
    result += text;
  }
  return result + script.slice(at);
}
