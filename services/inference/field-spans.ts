import { HEADER_BYTES } from '../shared/kafka/wire.js';

/** The fields of an inference record in the order in which Avro has their values, and what each is. */
export const AVRO_FIELDS = [
  ['event_id', 'string'],
  ['occurred_at', 'timestamp-micros'],
  ['source', 'string'],
  ['source_ref', 'string or null'],
  ['inference_id', 'string'],
  ['model_id', 'string'],
  ['requested_model', 'string or null'],
  ['release', 'string or null'],
  ['blob_id', 'string or null'],
  ['target_id', 'string or null'],
  ['agent_id', 'string or null'],
  ['session_id', 'string or null'],
  ['request_hash', 'string or null'],
  ['output_hash', 'string or null'],
  ['cost', 'string or null'],
  ['clock_error_ms', 'int or null'],
] as const;

type Field = (typeof AVRO_FIELDS)[number][0];
export const FIELD = Object.fromEntries(AVRO_FIELDS.map(([name], i) => [name, i])) as Readonly<Record<Field, number>>;

const STRING = 0;
const STRING_OR_NULL = 1;
const MICROS = 2;
const INT_OR_NULL = 3;
const CODES = {
  string: STRING,
  'string or null': STRING_OR_NULL,
  'timestamp-micros': MICROS,
  'int or null': INT_OR_NULL,
};
const KINDS = Uint8Array.from(AVRO_FIELDS, ([, kind]) => CODES[kind]);

const NULL = -1;
const NONE = -1;
/** Avro's numbers of the branches of ["null", T], as it writes them. */
const BRANCH_NULL = 0;
const BRANCH_VALUE = 2;
/** A longer length is no record of ours. */
const LENGTH_VARINT_BYTES_MAX = 3;
const MICROS_VARINT_BYTES_MAX = 8;
const INT_VARINT_BYTES_MAX = 4;

/** Where in the bytes of a record the values of its fields are. One object for all records: it is read into again. */
export class FieldSpans {
  /** Where each field of text begins and ends in the view; -1 where it is null. */
  readonly from = new Int32Array(AVRO_FIELDS.length);
  readonly to = new Int32Array(AVRO_FIELDS.length);
  micros = 0;
  clockErrorMs: number | null = null;
  #at = 0;
  #end = 0;

  /** Reads the value between two places. False for what is not plainly a record of ours; there is nothing of use then. */
  read(view: DataView, start: number, end: number): boolean {
    this.#at = start + HEADER_BYTES;
    this.#end = end;
    for (let field = 0; field < KINDS.length; field += 1) {
      const kind = KINDS[field];
      if (kind === STRING_OR_NULL || kind === INT_OR_NULL) {
        const branch = this.#at < end ? view.getUint8(this.#at++) : NONE;
        if (branch === BRANCH_NULL) {
          this.from[field] = NULL;
          this.to[field] = NULL;
          if (kind === INT_OR_NULL) this.clockErrorMs = null;
          continue;
        }
        if (branch !== BRANCH_VALUE) return false;
      }
      if (kind === MICROS || kind === INT_OR_NULL) {
        const number = this.#number(view, kind === MICROS ? MICROS_VARINT_BYTES_MAX : INT_VARINT_BYTES_MAX);
        if (number < 0) return false;
        if (kind === MICROS) this.micros = number;
        else this.clockErrorMs = number;
        continue;
      }
      const length = this.#number(view, LENGTH_VARINT_BYTES_MAX);
      if (length < 0) return false;
      this.from[field] = this.#at;
      this.#at += length;
      this.to[field] = this.#at;
    }
    return this.#at === end;
  }

  /** A number of at least 0, or -1 for any other and for what has more bytes. */
  #number(view: DataView, bytesMax: number): number {
    let sum = 0;
    let unit = 1;
    for (let i = 0; i < bytesMax; i += 1) {
      if (this.#at >= this.#end) return NULL;
      const byte = view.getUint8(this.#at++);
      sum += (byte & 0x7f) * unit;
      if (byte < 0x80) return sum % 2 === 0 && sum <= Number.MAX_SAFE_INTEGER ? sum / 2 : NULL;
      unit *= 0x80;
    }
    return NULL;
  }
}
