export type Alignment = 'left' | 'right';

export interface Column {
  readonly title: string;
  readonly align?: Alignment;
}

/**
 * Lines of a plain text table: a heading, then one line a row, columns two blanks apart. Ids are never cut: whoever
 * copies one out of a report must be able to ask about it.
 */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, index) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[index] ?? '')), displayWidth(column.title)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => pad(cells[index] ?? '', widths[index] ?? 0, column.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** Code points, which is right for ids and wrong only for combining marks and wide letters. */
function displayWidth(text: string): number {
  return Array.from(text).length;
}

function pad(text: string, width: number, align: Alignment): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/**
 * Control characters of foreign ids made visible, so that a record cannot move the cursor or forge lines of a report.
 */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
