/** Reads a block of ClickHouse's Native format, written down once more from its description: a check on the writer. */
export function readBlock(bytes: Buffer): Record<string, unknown>[] {
  const input = new Input(bytes);
  const columnCount = input.varint();
  const rowCount = input.varint();
  const rows: Record<string, unknown>[] = Array.from({ length: rowCount }, () => ({}));
  for (let column = 0; column < columnCount; column += 1) {
    const name = input.text();
    const values = input.column(input.text(), rowCount);
    for (const [i, row] of rows.entries()) row[name] = values[i];
  }
  if (input.at !== bytes.length) throw new Error(`${bytes.length - input.at} bytes are left`);
  return rows;
}

class Input {
  at = 0;

  constructor(private readonly bytes: Buffer) {}

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const size = this.varint();
    this.at += size;
    return this.bytes.toString('utf8', this.at - size, this.at);
  }

  #integer(size: number, signed = false): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(this.bytes.readUInt8(this.at + i));
    this.at += size;
    return signed ? BigInt.asIntN(size * 8, value) : value;
  }

  column(type: string, count: number): unknown[] {
    const times = <T>(read: () => T): T[] => Array.from({ length: count }, read);
    const inner = /^(\w+)\((.*)\)$/s.exec(type);
    switch (inner?.[1] ?? type) {
      case 'String':
        return times(() => this.text());
      case 'Bool':
        return times(() => this.#integer(1) === 1n);
      case 'UInt32':
        return times(() => Number(this.#integer(4)));
      case 'Int32':
        return times(() => Number(this.#integer(4, true)));
      case 'UInt64':
      case 'DateTime64':
        return times(() => Number(this.#integer(8)));
      case 'UInt256':
        return times(() => this.#integer(32).toString());
      case 'Nullable': {
        const nulls = times(() => this.#integer(1) === 1n);
        return this.column(inner?.[2] ?? '', count).map((value, i) => (nulls[i] === true ? null : value));
      }
      case 'Array': {
        const ends = times(() => Number(this.#integer(8)));
        const elements = this.column(inner?.[2] ?? '', ends.at(-1) ?? 0);
        return ends.map((end, i) => elements.slice(ends[i - 1] ?? 0, end));
      }
      case 'Tuple': {
        const fields = split(inner?.[2] ?? '').map((field) => /^(\w+) (.*)$/s.exec(field) as unknown as string[]);
        const columns = fields.map(([, name, of]) => [name, this.column(of ?? '', count)] as const);
        return Array.from({ length: count }, (_, i): unknown =>
          Object.fromEntries(columns.map(([name, values]) => [name, values[i]])),
        );
      }
      case 'LowCardinality':
        return this.#lowCardinality(inner?.[2] ?? '', count);
      default:
        throw new Error(`no reader for ${type}`);
    }
  }

  #lowCardinality(type: string, count: number): unknown[] {
    if (this.#integer(8) !== 1n) throw new Error('an unknown version of LowCardinality');
    const flags = Number(this.#integer(8));
    if ((flags & ~0xff) !== 0x600) throw new Error(`flags ${flags}`);
    const nullable = type.startsWith('Nullable(');
    const dictionary = this.column('String', Number(this.#integer(8)));
    if (Number(this.#integer(8)) !== count) throw new Error('another number of places than rows');
    const size = [1, 2, 4, 8][flags & 0xff] ?? 0;
    const places = Array.from({ length: count }, () => Number(this.#integer(size)));
    return places.map((place) => (nullable && place === 0 ? null : dictionary[place]));
  }
}

/** The parts between commas that are in no brackets. */
function split(list: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const char of list) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += char;
  }
  return [...parts, part.trim()];
}
