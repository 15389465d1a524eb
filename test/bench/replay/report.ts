/** One reading of the topics. */
export interface Reading {
  readonly what: string;
  /** Records that it was to read; all that there are, but for a replay that reads what its scope needs. */
  readonly records: number;
  readonly seconds: number;
}

export interface ReplayFigures {
  readonly inferences: number;
  /** Records of all input topics. */
  readonly records: number;
  readonly live: Reading;
  readonly limit: Reading;
  readonly replays: readonly Reading[];
}

/** A table for the README. */
export function tableOf({ inferences, records, live, limit, replays }: ReplayFigures): string {
  const rate = ({ records: read, seconds }: Reading): number => read / seconds;
  const percent = (part: number, of: number): string => `${String(Math.round((100 * part) / of))} %`;
  const rows = [live, limit, ...replays].map((reading) =>
    line(
      reading.what,
      whole(reading.records),
      reading.seconds.toFixed(1),
      whole(rate(reading)),
      percent(rate(reading), rate(live)),
      percent(rate(reading), rate(limit)),
    ),
  );
  return [
    `${whole(inferences)} inferences, ${whole(records)} records in all topics`,
    '',
    line('', 'records read', 'seconds', 'records/s', 'of live', 'of the limit'),
    line('---', '--:', '--:', '--:', '--:', '--:'),
    ...rows,
  ].join('\n');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function line(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
