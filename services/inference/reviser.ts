import { Bytes, UINT32 } from '../shared/clickhouse/native.js';
import { blocksIn, TextCursor, type ColumnPlace, type NativeBlock } from '../shared/clickhouse/native-blocks.js';
import type { EncodedRows } from '../shared/runtime/accept.js';
import type { ReleaseKnowledge } from '../shared/runtime/definition.js';
import type { RevisedPage, Reviser, RowPlace } from '../shared/runtime/reviser.js';
import { LongColumn } from './columns.js';
import { Interner } from './interner.js';
import { header, VERDICT_COLUMNS, VerdictBlock } from './verdict-columns.js';
import { VerdictMemo, type Evidence } from './verdict-memo.js';

/** All that a row of `inference_rows` has of its record. */
const COLUMNS = {
  inference_id: 'String',
  model_id: 'String',
  occurred_at: "DateTime64(6, 'UTC')",
  partition: 'UInt32',
  offset: 'UInt64',
  appended_at: "DateTime64(3, 'UTC')",
  key: 'String',
  event_id: 'String',
  source: 'String',
  source_ref: 'Nullable(String)',
  requested_model: 'Nullable(String)',
  claim: 'Nullable(String)',
  blob_id: 'Nullable(String)',
  target_id: 'Nullable(String)',
  agent_id: 'Nullable(String)',
  session_id: 'Nullable(String)',
  request_hash: 'Nullable(String)',
  output_hash: 'Nullable(String)',
  cost: 'Nullable(UInt256)',
  clock_error_ms: 'Nullable(Int32)',
} as const;
const WRITTEN = [...Object.keys(COLUMNS), 'release_offset', ...VERDICT_COLUMNS];
const NULL = -1;
/** Each row has up to four names, and a block may bring half as many new ones as the interner has room for. */
const ROWS_MAX = 8192;

/**
 * Says anew what is said of rows: the columns of the record are copied as they were read, and of them only the evidence is
 * looked at. What is found is what `toRow` finds of the same record.
 */
export class InferenceReviser implements Reviser {
  readonly columns = COLUMNS;
  readonly rowsMax = ROWS_MAX;
  readonly #interner = new Interner();
  readonly #memo: VerdictMemo;
  readonly #verdicts = new VerdictBlock();
  readonly #releaseOffset = new LongColumn();
  /** Memory of blocks that are durable. */
  readonly #spare: Bytes[] = [];

  constructor(private readonly releases: ReleaseKnowledge) {
    this.#memo = new VerdictMemo(releases, (id) => this.#interner.textOf(id));
  }

  revise(page: Buffer): RevisedPage {
    const view = new DataView(page.buffer, page.byteOffset, page.length);
    const blocks = blocksIn(view).filter(({ rowCount }) => rowCount > 0);
    const revised = blocks.map((block) => this.#revise(page, view, block));
    const last = blocks.at(-1);
    return {
      blocks: revised,
      rowCount: revised.reduce((sum, { rowCount }) => sum + rowCount, 0),
      last: last === undefined ? null : lastPlace(page, view, last),
    };
  }

  #revise(page: Buffer, view: DataView, block: NativeBlock): EncodedRows {
    const { rowCount, from, to } = block;
    this.#judge(view, block);
    const out = this.#spare.pop() ?? new Bytes(1 << 20);
    out.clear();
    out.varint(WRITTEN.length);
    out.varint(rowCount);
    out.append(page.subarray(from, to));
    header(out, 'release_offset', 'UInt64');
    this.#releaseOffset.write(out, rowCount);
    this.#verdicts.write(out, rowCount);
    if (this.#interner.isFull) {
      this.#interner.clear();
      this.#memo.clear();
    }
    const bytes = out.buffer.subarray(0, out.length);
    return { format: 'Native', columns: WRITTEN, rowCount, bytes, release: () => this.#spare.push(out) };
  }

  #judge(view: DataView, block: NativeBlock): void {
    const names = (['model_id', 'claim', 'blob_id', 'target_id'] as const).map(
      (name) => new TextCursor(view, placeOf(block, name)),
    ) as [TextCursor, TextCursor, TextCursor, TextCursor];
    const [model, claim, blob, target] = names;
    const occurredAt = placeOf(block, 'occurred_at').values;
    const appendedAt = placeOf(block, 'appended_at').values;
    const clockError = placeOf(block, 'clock_error_ms');
    const releaseOffset = Number(this.releases.nextOffset);
    for (let row = 0; row < block.rowCount; row += 1) {
      for (const name of names) name.next();
      const appendedAtMs = longAt(view, appendedAt + row * 8);
      const evidence: Evidence = {
        model: this.#idOf(view, model),
        claim: this.#idOf(view, claim),
        blob: this.#idOf(view, blob),
        target: this.#idOf(view, target),
        occurredAt: longAt(view, occurredAt + row * 8),
        appendedAtMs,
        clockErrorMs: isNull(view, clockError, row) ? 0 : view.getInt32(clockError.values + row * 4, true),
      };
      this.#verdicts.set(row, this.#memo.find(evidence), appendedAtMs);
      this.#releaseOffset.set(row, releaseOffset);
    }
  }

  #idOf(view: DataView, { from, to }: TextCursor): number {
    if (from === NULL) return NULL;
    const id = this.#interner.idOf(view, from, to);
    if (id === NULL) throw new Error(`a block has more than ${ROWS_MAX} rows`);
    return id;
  }
}

function lastPlace(page: Buffer, view: DataView, block: NativeBlock): RowPlace {
  const row = block.rowCount - 1;
  const id = new TextCursor(view, placeOf(block, 'inference_id'));
  for (let i = 0; i <= row; i += 1) id.next();
  return {
    occurredAt: longAt(view, placeOf(block, 'occurred_at').values + row * 8),
    inferenceId: page.toString('utf8', id.from, id.to),
    partition: view.getUint32(placeOf(block, 'partition').values + row * 4, true),
    offset: view.getBigUint64(placeOf(block, 'offset').values + row * 8, true),
  };
}

function placeOf({ columns }: NativeBlock, name: keyof typeof COLUMNS): ColumnPlace {
  const place = columns.get(name);
  if (place === undefined) throw new Error(`a page has no column ${name}`);
  return place;
}

function isNull(view: DataView, { nulls }: ColumnPlace, row: number): boolean {
  return nulls !== null && view.getUint8(nulls + row) === 1;
}

/** A number of at least 0 that a double holds: of all times of records that are accepted. */
function longAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * UINT32;
}
