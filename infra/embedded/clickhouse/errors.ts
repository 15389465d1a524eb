/** An error in the words of a ClickHouse server. */
export class ClickHouseException extends Error {
  override name = 'ClickHouseException';
  readonly code: number;

  /** `message` is the whole text, as it goes to the client. */
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** For what this process refuses itself. */
export function exception(code: number, type: string, text: string): ClickHouseException {
  return new ClickHouseException(`Code: ${String(code)}. DB::Exception: ${text} (${type})`, code);
}

/** The engine's error as one of ours. */
export function fromEngine(error: unknown): ClickHouseException {
  if (error instanceof ClickHouseException) return error;
  const text = (error instanceof Error ? error.message : String(error)).trim();
  const code = /^Code: (\d+)\./.exec(text)?.[1];
  if (code !== undefined) return new ClickHouseException(text, Number(code));
  return exception(1001, 'STD_EXCEPTION', text === '' ? 'The engine gave no reason' : text);
}

// As in the server's exceptionCodeToHTTPStatus: 400 for what the statement or its data says wrongly, 404 for unknown names.
const BAD_REQUEST = [
  6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676,
];
const NOT_FOUND = [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511];
const FORBIDDEN = [192, 193, 497, 512, 516];

const STATUS = new Map<number, number>([
  ...BAD_REQUEST.map((code): [number, number] => [code, 400]),
  ...NOT_FOUND.map((code): [number, number] => [code, 404]),
  ...FORBIDDEN.map((code): [number, number] => [code, 403]),
  [48, 501],
  [76, 503],
  [159, 408],
  [194, 401],
  [209, 503],
  [229, 413],
  [381, 411],
  [439, 503],
  [779, 415],
]);

export function httpStatus(code: number): number {
  return STATUS.get(code) ?? 500;
}
