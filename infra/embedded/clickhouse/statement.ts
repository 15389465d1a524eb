import { type ClickHouseException, exception } from './errors.js';
import { nextToken, type Token } from './lexer.js';

/** A statement taken apart. All offsets count bytes of the text it was read from; `end` is after the last word, without `;`. */
export type Statement =
  /** A statement whose rows can be sent elsewhere: `INTO OUTFILE` goes in at `outfileAt`. */
  | { kind: 'read'; begin: number; end: number; outfileAt: number; format: string | null }
  /** INSERT with data behind it, from `dataAt` on. */
  | InsertStatement
  /** Anything else, INSERT ... SELECT among it. */
  | { kind: 'command'; begin: number; end: number; word: string; format: string | null }
  | { kind: 'refused'; error: ClickHouseException };

export interface InsertStatement {
  kind: 'insert';
  begin: number;
  /** `FROM INFILE` goes in here. */
  infileAt: number;
  /** Where the word FORMAT or VALUES begins. */
  formatAt: number;
  /** After the name of the format, or the word VALUES. */
  formatEnd: number;
  format: string;
  dataAt: number;
  /** `input('structure')`: its parts, when the data goes through a SELECT. */
  input: { begin: number; argumentsAt: number } | null;
}

// The statements that may return many rows. SHOW, DESCRIBE and their like return few, and EXPLAIN would take INTO OUTFILE for
// a part of what it explains.
const READS = new Set(['SELECT', 'WITH', 'FROM', '(']);

class Cursor {
  readonly text: string;
  token: Token | null;

  constructor(text: string, from: number) {
    this.text = text;
    this.token = nextToken(text, from);
  }

  next(): Token | null {
    if (this.token !== null) this.token = nextToken(this.text, this.token.end);
    return this.token;
  }

  /** The word or sign here in capitals; '' for strings and the like. */
  get word(): string {
    const token = this.token;
    if (token === null || (token.kind !== 'word' && token.kind !== 'sign')) return '';
    return this.text.slice(token.begin, token.end).toUpperCase();
  }

  is(word: string): boolean {
    return this.word === word;
  }

  /** From an opening bracket to after its partner. */
  skipGroup(): void {
    let depth = 0;
    do {
      if (this.word === '(' || this.word === '[' || this.word === '{') depth++;
      else if (this.word === ')' || this.word === ']' || this.word === '}') depth--;
      this.next();
    } while (this.token !== null && depth > 0);
  }
}

export function readStatement(text: string): Statement {
  const cursor = new Cursor(text, 0);
  const first = cursor.token;
  if (first === null)
    return refused(62, 'SYNTAX_ERROR', 'Syntax error: failed at position 1 (end of query): Empty query');
  if (first.kind !== 'word' && !cursor.is('(')) {
    const here = text.slice(first.begin, first.begin + 40);
    return refused(62, 'SYNTAX_ERROR', `Syntax error: failed at position 1 (${here}). Expected a query.`);
  }
  const word = cursor.word;
  if (word === 'INSERT') {
    const insert = readInsert(cursor, first.begin);
    if (insert !== null) return insert;
  }
  return readPlain(text, first.begin, word);
}

/** Any statement without inline data: to its end, past which there may only be `;`. */
function readPlain(text: string, begin: number, word: string): Statement {
  const cursor = new Cursor(text, begin);
  let end = begin;
  let depth = 0;
  let previous = '';
  let formatAt: number | null = null;
  let format: string | null = null;
  for (let token = cursor.token; token !== null; token = cursor.next()) {
    const here = cursor.word;
    if (here === ';') break;
    end = token.end;
    if (here === '(' || here === '[' || here === '{') depth++;
    else if (here === ')' || here === ']' || here === '}') depth--;
    if (here === 'OUTFILE' && previous === 'INTO') {
      return refused(48, 'NOT_IMPLEMENTED', 'INTO OUTFILE is not allowed over HTTP');
    }
    previous = here;
    if (depth !== 0) continue;
    const name = here === 'FORMAT' ? nextToken(text, token.end) : null;
    if (name?.kind === 'word' && endsClause(text, name.end)) {
      formatAt = token.begin;
      format = text.slice(name.begin, name.end);
    }
  }
  while (cursor.word === ';') cursor.next();
  if (cursor.token !== null) {
    return refused(62, 'SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed): failed at the text after ";"');
  }
  if (!READS.has(word)) return { kind: 'command', begin, end, word, format };
  return { kind: 'read', begin, end, outfileAt: formatAt ?? end, format };
}

/** Whether FORMAT's name is followed by nothing, or by SETTINGS: else FORMAT is a column or an alias. */
function endsClause(text: string, from: number): boolean {
  const token = nextToken(text, from);
  if (token === null) return true;
  const word = text.slice(token.begin, token.end).toUpperCase();
  return word === ';' || word === 'SETTINGS';
}

/** Null: an INSERT without data behind it. */
function readInsert(cursor: Cursor, begin: number): Statement | null {
  cursor.next();
  if (!cursor.is('INTO')) return null;
  cursor.next();
  if (cursor.is('TABLE')) {
    // A table may be called "table": then a bracket, a dot or a clause follows.
    const after = nextToken(cursor.text, cursor.token?.end ?? 0);
    if (after !== null && (after.kind !== 'sign' || cursor.text[after.begin] === '{')) cursor.next();
  }
  if (cursor.is('FUNCTION')) cursor.next();
  skipName(cursor);
  return readInsertClauses(cursor, begin);
}

/** db.table, `db`.`table`, {db:Identifier}.table, or a function with its arguments. */
function skipName(cursor: Cursor): void {
  for (;;) {
    if (cursor.word === '{') cursor.skipGroup();
    else cursor.next();
    if (cursor.word !== '.') return;
    cursor.next();
  }
}

function readInsertClauses(cursor: Cursor, begin: number): Statement | null {
  let infileAt: number | null = null;
  let input: InsertStatement['input'] = null;
  for (;;) {
    const token = cursor.token;
    if (token === null || token.kind === 'broken' || cursor.word === ';') return null;
    const word = token.kind === 'word' ? cursor.word : '';
    if (word === 'INFILE') {
      return refused(
        78,
        'UNKNOWN_TYPE_OF_QUERY',
        'FROM INFILE is not allowed over HTTP: send the data with the request',
      );
    }
    if (word === 'SETTINGS' || word === 'FORMAT' || word === 'VALUES') infileAt ??= token.begin;
    if (word === 'SELECT' || word === 'WITH' || startsSelect(cursor)) {
      input = findInput(cursor);
      if (input === null) return null;
      continue;
    }
    if (word === 'VALUES')
      return withData(cursor.text, { begin, infileAt: infileAt ?? token.begin, token, name: token, input });
    if (word === 'FORMAT') {
      const name = nextToken(cursor.text, token.end);
      if (name?.kind !== 'word') return null;
      return withData(cursor.text, { begin, infileAt: infileAt ?? token.begin, token, name, input });
    }
    if (cursor.word === '(' || cursor.word === '{') cursor.skipGroup();
    else cursor.next();
  }
}

function startsSelect(cursor: Cursor): boolean {
  if (cursor.word !== '(' || cursor.token === null) return false;
  const inside = nextToken(cursor.text, cursor.token.end);
  return inside !== null && /^(SELECT|WITH)$/i.test(cursor.text.slice(inside.begin, inside.end));
}

/** Goes on to `input(...)`, wherever it is nested, and stops before the FORMAT that comes after it. */
function findInput(cursor: Cursor): InsertStatement['input'] {
  let found: InsertStatement['input'] = null;
  for (let token = cursor.token; token !== null && cursor.word !== ';'; token = cursor.next()) {
    const { text, word } = cursor;
    if (word === 'INPUT') {
      const bracket = nextToken(text, token.end);
      if (bracket !== null && text[bracket.begin] === '(') found = { begin: token.begin, argumentsAt: bracket.end };
    } else if (word === 'FORMAT' && found !== null) return found;
  }
  return null;
}

function withData(
  text: string,
  at: { begin: number; infileAt: number; token: Token; name: Token; input: InsertStatement['input'] },
): Statement {
  const format = text.slice(at.name.begin, at.name.end);
  let dataAt = at.name.end;
  while (text[dataAt] === ' ' || text[dataAt] === '\t' || text[dataAt] === '\f') dataAt++;
  if (/^values$/i.test(format) ? false : text[dataAt] === ';') {
    return refused(62, 'SYNTAX_ERROR', "You have excessive ';' symbol before data for INSERT.");
  }
  if (text[dataAt] === '\r') dataAt++;
  if (text[dataAt] === '\n') dataAt++;
  return {
    kind: 'insert',
    begin: at.begin,
    infileAt: at.infileAt,
    formatAt: at.token.begin,
    formatEnd: at.name.end,
    format: /^values$/i.test(format) ? 'Values' : format,
    dataAt,
    input: at.input,
  };
}

function refused(code: number, type: string, text: string): Statement {
  return { kind: 'refused', error: exception(code, type, text) };
}
