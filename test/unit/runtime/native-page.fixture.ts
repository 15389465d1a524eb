import { Bytes } from '../../../services/shared/clickhouse/native.js';

type Row = Readonly<Record<string, unknown>>;

/** Rows of these columns as ClickHouse gives them in the Native format, in blocks of so many. */
export function nativePage(
  rows: readonly Row[],
  columns: Readonly<Record<string, string>>,
  blockRows = rows.length,
): Buffer {
  const out = new Bytes();
  for (let from = 0; from < rows.length; from += blockRows) {
    const block = rows.slice(from, from + blockRows);
    out.varint(Object.keys(columns).length);
    out.varint(block.length);
    for (const [name, type] of Object.entries(columns)) {
      out.text(name);
      out.text(type);
      const values = block.map((row) => row[name]);
      const inner = /^Nullable\((.*)\)$/.exec(type)?.[1];
      if (inner !== undefined) for (const value of values) out.byte(value === null ? 1 : 0);
      for (const value of values) write(out, inner ?? type, value);
    }
  }
  return Buffer.from(out.buffer.subarray(0, out.length));
}

function write(out: Bytes, type: string, value: unknown): void {
  if (type === 'String') out.text((value ?? '') as string);
  else if (type.endsWith('Int32')) out.uint32(Number(value ?? 0) >>> 0);
  else if (type === 'UInt256')
    for (let i = 0n; i < 8n; i += 1n) out.uint32(Number(BigInt.asUintN(32, whole(value) >> (32n * i)))); // prettier-ignore
  else out.uint64(Number(value));
}

function whole(value: unknown): bigint {
  return BigInt((value ?? 0) as string | number);
}
