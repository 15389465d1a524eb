/**
 * ClickHouse's tokens, as far as needed to find where statements, clauses and inline data begin. Works on byte strings (one
 * character is one byte, "latin1"), because a statement and binary data may lie in one body.
 */
export interface Token {
  kind: 'word' | 'number' | 'string' | 'quoted' | 'sign' | 'broken';
  begin: number;
  end: number;
}

const SPACE = new Set([' ', '\t', '\n', '\r', '\f', '\v', '\0']);

function isWordStart(char: string): boolean {
  return (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z') || char === '_' || char >= '\x80';
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

/** The next token at or after `from`, or null at the end. Comments and white space are skipped. */
export function nextToken(text: string, from: number): Token | null {
  const begin = skipBlank(text, from);
  if (begin === null) return { kind: 'broken', begin: from, end: text.length };
  const char = text[begin];
  if (char === undefined) return null;
  if (isWordStart(char) || isDigit(char)) return wordOrNumber(text, begin, isDigit(char));
  if (char === "'") return quoted(text, begin, "'", 'string');
  if (char === '"' || char === '`') return quoted(text, begin, char, 'quoted');
  if (char === '$') return heredoc(text, begin);
  return { kind: 'sign', begin, end: begin + 1 };
}

/** Null: a comment that never ends. */
function skipBlank(text: string, from: number): number | null {
  let at = from;
  for (;;) {
    const char = text[at];
    if (char === undefined) return at;
    if (SPACE.has(char)) at++;
    else if (text.startsWith('--', at) || text.startsWith('#!', at) || text.startsWith('# ', at)) {
      const newline = text.indexOf('\n', at);
      at = newline === -1 ? text.length : newline + 1;
    } else if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at + 2);
      if (close === -1) return null;
      at = close + 2;
    } else return at;
  }
}

function wordOrNumber(text: string, begin: number, number: boolean): Token {
  let end = begin + 1;
  for (;;) {
    const char = text[end];
    if (char === undefined) break;
    // 1.5e-3 may come out as several tokens; nothing here depends on numbers.
    if (isWordStart(char) || isDigit(char) || char === '$') end++;
    else break;
  }
  return { kind: number ? 'number' : 'word', begin, end };
}

function quoted(text: string, begin: number, quote: string, kind: 'string' | 'quoted'): Token {
  let at = begin + 1;
  for (;;) {
    const char = text[at];
    if (char === undefined) return { kind: 'broken', begin, end: text.length };
    if (char === '\\') at += 2;
    else if (char === quote && text[at + 1] === quote) at += 2;
    else if (char === quote) return { kind, begin, end: at + 1 };
    else at++;
  }
}

/** $tag$ ... $tag$ */
function heredoc(text: string, begin: number): Token {
  let tagEnd = begin + 1;
  for (;;) {
    const char = text[tagEnd];
    if (char === undefined || !(isWordStart(char) || isDigit(char))) break;
    tagEnd++;
  }
  if (text[tagEnd] !== '$') return { kind: 'sign', begin, end: begin + 1 };
  const tag = text.slice(begin, tagEnd + 1);
  const close = text.indexOf(tag, tagEnd + 1);
  if (close === -1) return { kind: 'sign', begin, end: begin + 1 };
  return { kind: 'string', begin, end: close + tag.length };
}
