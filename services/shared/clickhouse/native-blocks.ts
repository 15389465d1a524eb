import { BacktrailError } from '../errors.js';

/**
 * Blocks of ClickHouse's Native format (see native.ts) as a SELECT gives them, one behind the other. Nothing is decoded:
 * it is only found where the values of each column lie, so that whole columns can be copied as they are. For columns of
 * plain types, which a SELECT gets by casting to them; throws for any other.
 */
export interface NativeBlock {
  readonly rowCount: number;
  /** In their order. */
  readonly columns: ReadonlyMap<string, ColumnPlace>;
  /** Where the first column begins, with its name and type, and where the last one ends. */
  readonly from: number;
  readonly to: number;
}

export interface ColumnPlace {
  /** Where the bytes are that say which values are null; null for a column that has none. */
  readonly nulls: number | null;
  readonly values: number;
}

const WIDTHS: Readonly<Record<string, number>> = { Int32: 4, UInt32: 4, UInt64: 8, DateTime64: 8, UInt256: 32 };

/** Throws what is worth another try: an answer that was cut, or has a failure told behind its rows. */
export function blocksIn(view: DataView): NativeBlock[] {
  try {
    return readBlocks(view);
  } catch (cause) {
    const message = `an answer that is not in the Native format: ${cause instanceof Error ? cause.message : ''}`;
    throw new BacktrailError('CLICKHOUSE_UNREACHABLE', message, { cause });
  }
}

function readBlocks(view: DataView): NativeBlock[] {
  const blocks: NativeBlock[] = [];
  const place = { at: 0 };
  while (place.at < view.byteLength) {
    const columnCount = varint(view, place);
    const rowCount = varint(view, place);
    const from = place.at;
    const columns = new Map<string, ColumnPlace>();
    for (let i = 0; i < columnCount; i += 1) {
      const name = text(view, place);
      const type = /^(Nullable\()?(\w+)/.exec(text(view, place));
      const nulls = type?.[1] === undefined ? null : place.at;
      if (nulls !== null) place.at += rowCount;
      columns.set(name, { nulls, values: place.at });
      skip(view, place, { type: type?.[2] ?? '', rowCount });
    }
    blocks.push({ rowCount, columns, from, to: place.at });
  }
  if (place.at > view.byteLength) throw new Error('a block in the Native format has no end');
  return blocks;
}

/** Goes through a column of text, value by value. */
export class TextCursor {
  /** Where the value is; -1 for null. */
  from = -1;
  to = -1;
  readonly #place: { at: number };
  #row = 0;

  constructor(
    private readonly view: DataView,
    private readonly column: ColumnPlace,
  ) {
    this.#place = { at: column.values };
  }

  next(): void {
    const { view, column } = this;
    const size = varint(view, this.#place);
    const isNull = column.nulls !== null && view.getUint8(column.nulls + this.#row) === 1;
    this.from = isNull ? -1 : this.#place.at;
    this.to = isNull ? -1 : this.#place.at + size;
    this.#place.at += size;
    this.#row += 1;
  }
}

function skip(view: DataView, place: { at: number }, { type, rowCount }: { type: string; rowCount: number }): void {
  if (type === 'String') {
    for (let row = 0; row < rowCount; row += 1) {
      const size = varint(view, place);
      place.at += size;
    }
    return;
  }
  const width = WIDTHS[type];
  if (width === undefined) throw new Error(`a column of the type ${type} cannot be read as it is`);
  place.at += width * rowCount;
}

function varint(view: DataView, place: { at: number }): number {
  let value = 0;
  for (let unit = 1; ; unit *= 0x80) {
    const byte = view.getUint8(place.at++);
    if (byte < 0x80) return value + byte * unit;
    value += (byte & 0x7f) * unit;
  }
}

function text(view: DataView, place: { at: number }): string {
  const size = varint(view, place);
  place.at += size;
  return Buffer.from(view.buffer, view.byteOffset + place.at - size, size).toString('latin1');
}
