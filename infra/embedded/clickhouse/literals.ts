/** Everything here is byte strings: see lexer.ts. */

export function quoteString(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** One SET statement for the whole request, or nothing. Values go as strings: the engine converts them to each setting's type. */
export function setStatement(entries: Iterable<readonly [name: string, value: string]>): string {
  const parts: string[] = [];
  for (const [name, value] of entries) parts.push(`${name} = ${quoteString(value)}`);
  return parts.length === 0 ? '' : `SET ${parts.join(', ')};`;
}

/** Names of settings and parameters are spliced into text, so they may only be words. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}
