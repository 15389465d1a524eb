import { Bytes } from '../shared/clickhouse/native.js';
import { DAY_MICROS, MICROS_PER_MS } from '../shared/core/time.js';
import { EARLIEST_MICROS, ID_BYTES_MAX } from '../shared/core/validate.js';
import type { EncodedRows, Transcoder } from '../shared/runtime/accept.js';
import type { ReleaseKnowledge } from '../shared/runtime/definition.js';
import type { LogRecord } from '../shared/runtime/ports.js';
import { AmountColumn, IntColumn, LongColumn, NameColumn, TextColumn } from './columns.js';
import { FIELD, FieldSpans } from './field-spans.js';
import { Interner } from './interner.js';
import { CONTROL, NOT_ASCII, viewOf } from './text-kinds.js';
import { header, VERDICT_COLUMNS, VerdictBlock } from './verdict-columns.js';
import { VerdictMemo, type Evidence } from './verdict-memo.js';

/** Columns of text: which field each is copied from, whether it may be null, and whether it is an id. */
const TEXTS = [
  { column: 'inference_id', nullable: false, id: true },
  { column: 'event_id', nullable: false, id: true },
  { column: 'source_ref', nullable: true, id: false },
  { column: 'agent_id', nullable: true, id: true },
  { column: 'session_id', nullable: true, id: true },
  { column: 'request_hash', nullable: true, id: false },
  { column: 'output_hash', nullable: true, id: false },
] as const;
/** Columns of names that come again and again. */
const NAMES = [
  { column: 'model_id', field: 'model_id', nullable: false, id: true },
  { column: 'source', field: 'source', nullable: false, id: false },
  { column: 'requested_model', field: 'requested_model', nullable: true, id: false },
  { column: 'claim', field: 'release', nullable: true, id: true },
  { column: 'blob_id', field: 'blob_id', nullable: true, id: true },
  { column: 'target_id', field: 'target_id', nullable: true, id: true },
] as const;
interface Copied<C> {
  readonly name: string;
  readonly field: number;
  readonly forbidden: number;
  readonly bytesMax: number;
  readonly values: C;
}

/** What may not be in an id, and in any other text, of a record whose row is made here. */
const NOT_IN_IDS = CONTROL | NOT_ASCII;
const NOT_IN_TEXT = NOT_ASCII;
const NULL = -1;
/** Blocks whose memory is kept: many are in flight only while the database is slow. */
const SPARE_MAX = 8;

/**
 * Makes rows of `inference_rows` from records as the log has them, in ClickHouse's Native format. It takes those that are
 * fine beyond doubt: written with our schema, plain ASCII, every id and number within its limits. Of all others the
 * ordinary way tells what they are, so what is refused, and why, is decided in one place (core/validate.ts).
 */
export class InferenceTranscoder implements Transcoder {
  readonly #spans = new FieldSpans();
  readonly #interner = new Interner();
  readonly #memo: VerdictMemo;
  readonly #texts = TEXTS.map(({ column, nullable, id }): Copied<TextColumn> => ({
    field: FIELD[column],
    forbidden: id ? NOT_IN_IDS : NOT_IN_TEXT,
    bytesMax: id ? ID_BYTES_MAX : Infinity,
    name: column,
    values: new TextColumn(nullable),
  }));
  readonly #names = NAMES.map(({ column, field, nullable, id }): Copied<NameColumn> => ({
    field: FIELD[field],
    forbidden: id ? NOT_IN_IDS : NOT_IN_TEXT,
    bytesMax: id ? ID_BYTES_MAX : Infinity,
    name: column,
    values: new NameColumn(this.#interner, nullable),
  }));
  readonly #key = new TextColumn(false);
  readonly #partition = new LongColumn();
  readonly #offset = new LongColumn();
  readonly #occurredAt = new LongColumn();
  readonly #appendedAt = new LongColumn();
  readonly #releaseOffset = new LongColumn();
  readonly #cost = new AmountColumn();
  readonly #clockError = new IntColumn();
  readonly #verdicts = new VerdictBlock();
  readonly #ids = new Int32Array(NAMES.length);
  readonly #evidence: Evidence = {
    model: NULL,
    claim: NULL,
    blob: NULL,
    target: NULL,
    occurredAt: 0,
    appendedAtMs: 0,
    clockErrorMs: 0,
  };
  /** Memory of blocks that are durable. */
  readonly #spare: Bytes[] = [];
  #rowCount = 0;

  constructor(private readonly releases: ReleaseKnowledge) {
    this.#memo = new VerdictMemo(releases, (id) => this.#interner.textOf(id));
  }

  add({ key, value, offset, appendedAtMs }: LogRecord, partition: number): boolean {
    const spans = this.#spans;
    if (value === null) return false;
    const view = viewOf(value);
    if (!spans.read(view, value.byteOffset, value.byteOffset + value.length)) return false;
    const occurredAt = spans.micros;
    if (occurredAt < EARLIEST_MICROS || occurredAt > appendedAtMs * MICROS_PER_MS + DAY_MICROS) return false;
    const row = this.#rowCount;
    const { from, to } = spans;
    if (!this.#findNames(view) || !this.#cost.set(row, view, from[FIELD.cost] as number, to[FIELD.cost] as number)) {
      return false;
    }
    if (!this.#addTexts(view, key ?? NO_KEY)) return false;
    for (let i = 0; i < NAMES.length; i += 1) this.#names[i]?.values.set(row, this.#ids[i] as number);
    this.#partition.set(row, partition);
    this.#offset.set(row, Number(offset));
    this.#occurredAt.set(row, occurredAt);
    this.#appendedAt.set(row, appendedAtMs);
    this.#clockError.set(row, spans.clockErrorMs);
    this.#releaseOffset.set(row, Number(this.releases.nextOffset));
    this.#judge(row, appendedAtMs);
    this.#rowCount += 1;
    return true;
  }

  take(): EncodedRows | null {
    const rowCount = this.#rowCount;
    if (rowCount === 0) return null;
    this.#rowCount = 0;
    const out = this.#spare.pop() ?? new Bytes(1 << 20);
    out.clear();
    out.varint(COLUMNS.length);
    out.varint(rowCount);
    for (const { name, values } of this.#texts) {
      header(out, name, values.nullable ? 'Nullable(String)' : 'String');
      values.write(out);
    }
    header(out, 'key', 'String');
    this.#key.write(out);
    for (const { name, values } of this.#names) {
      header(out, name, values.nullable ? 'LowCardinality(Nullable(String))' : 'LowCardinality(String)');
      values.write(out, rowCount);
    }
    const longs = { partition: this.#partition, offset: this.#offset, release_offset: this.#releaseOffset };
    for (const [name, values] of Object.entries(longs)) {
      header(out, name, 'UInt64');
      values.write(out, rowCount);
    }
    header(out, 'occurred_at', "DateTime64(6, 'UTC')");
    this.#occurredAt.write(out, rowCount);
    header(out, 'appended_at', "DateTime64(3, 'UTC')");
    this.#appendedAt.write(out, rowCount);
    header(out, 'cost', 'Nullable(UInt256)');
    this.#cost.write(out, rowCount);
    header(out, 'clock_error_ms', 'Nullable(Int32)');
    this.#clockError.write(out, rowCount);
    this.#verdicts.write(out, rowCount);
    if (this.#interner.isFull) {
      this.#interner.clear();
      this.#memo.clear();
    }
    return this.#handOut(out, rowCount);
  }

  /** What waits to be written takes no more memory than it says, also of a batch of few records. */
  #handOut(out: Bytes, rowCount: number): EncodedRows {
    const rows = { format: 'Native', columns: COLUMNS, rowCount } as const;
    const bytes = out.buffer.subarray(0, out.length);
    const spare = (): void => {
      if (this.#spare.length < SPARE_MAX) this.#spare.push(out);
    };
    if (out.length * 2 > out.buffer.length) return { ...rows, bytes, release: spare };
    spare();
    return { ...rows, bytes: Buffer.from(bytes), release: () => undefined };
  }

  #findNames(view: DataView): boolean {
    const { from, to } = this.#spans;
    for (let i = 0; i < NAMES.length; i += 1) {
      const { field, forbidden, bytesMax } = this.#names[i] as Copied<NameColumn>;
      const start = from[field] as number;
      const end = to[field] as number;
      let id = NULL;
      if (start !== NULL) {
        if (end - start > bytesMax) return false;
        id = this.#interner.idOf(view, start, end);
        if (id === NULL || (this.#interner.kindsOf(id) & forbidden) !== 0) return false;
      }
      this.#ids[i] = id;
    }
    return true;
  }

  /** All or none: of a record that is not taken nothing may stay. */
  #addTexts(view: DataView, key: Buffer): boolean {
    const { from, to } = this.#spans;
    let added = 0;
    let fine = true;
    for (; fine && added < TEXTS.length; added += 1) {
      const { field, forbidden, bytesMax, values } = this.#texts[added] as Copied<TextColumn>;
      const start = from[field] as number;
      const end = to[field] as number;
      fine = (values.add(view, start, end) & forbidden) === 0 && end - start <= bytesMax;
    }
    if (fine) {
      if ((this.#key.add(viewOf(key), key.byteOffset, key.byteOffset + key.length) & NOT_IN_TEXT) === 0) return true;
      this.#key.undo();
    }
    for (let i = 0; i < added; i += 1) this.#texts[i]?.values.undo();
    return false;
  }

  #judge(row: number, appendedAtMs: number): void {
    const evidence = this.#evidence;
    const ids = this.#ids;
    evidence.model = ids[MODEL] as number;
    evidence.claim = ids[CLAIM] as number;
    evidence.blob = ids[BLOB] as number;
    evidence.target = ids[TARGET] as number;
    evidence.occurredAt = this.#spans.micros;
    evidence.appendedAtMs = appendedAtMs;
    evidence.clockErrorMs = this.#spans.clockErrorMs ?? 0;
    this.#verdicts.set(row, this.#memo.find(evidence), appendedAtMs);
  }
}

const NO_KEY = Buffer.alloc(0);
const [MODEL, CLAIM, BLOB, TARGET] = ['model_id', 'claim', 'blob_id', 'target_id'].map((name) =>
  NAMES.findIndex(({ column }) => column === name),
) as [number, number, number, number];
const COPIED = [...TEXTS, { column: 'key' }, ...NAMES].map(({ column }) => column);
const NUMBERS = ['partition', 'offset', 'release_offset', 'occurred_at', 'appended_at', 'cost', 'clock_error_ms'];
const COLUMNS = [...COPIED, ...NUMBERS, ...VERDICT_COLUMNS];
