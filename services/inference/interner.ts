/** What bytes are, as far as ids and text go. */
export const CONTROL = 1;
export const NOT_ASCII = 2;
/** By byte. A control character of ASCII, or a byte of a longer UTF-8 sequence (which may be one, too). */
export const KINDS = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 ? NOT_ASCII : byte < 0x20 || byte === 0x7f ? CONTROL : 0,
);

const TABLE_SIZE = 1 << 17;
/** More distinct values than this are forgotten and learnt anew: none is, while a block is being gathered. */
const ENTRIES_MAX = 1 << 16;
const ARENA_BYTES = 1 << 20;
const EMPTY = -1;

/** Gives equal bytes equal small numbers, without making a string of them each time. */
export class Interner {
  readonly #table = new Int32Array(TABLE_SIZE).fill(EMPTY);
  readonly #starts = new Uint32Array(ENTRIES_MAX);
  readonly #lengths = new Uint32Array(ENTRIES_MAX);
  readonly #kinds = new Uint8Array(ENTRIES_MAX);
  readonly #texts: (string | undefined)[] = [];
  #arena = Buffer.allocUnsafe(ARENA_BYTES);
  #arenaEnd = 0;
  #count = 0;

  /** The number of these bytes, or -1 when there is no room for more. */
  idOf(bytes: Uint8Array, from: number, to: number): number {
    let hash = to - from;
    for (let i = from; i < to; i += 1) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & (TABLE_SIZE - 1);
    for (;;) {
      const id = this.#table[slot] as number;
      if (id === EMPTY) return this.#add(slot, bytes, from, to);
      if (this.#equals(id, bytes, from, to)) return id;
      slot = (slot + 1) & (TABLE_SIZE - 1);
    }
  }

  /** Which kinds of bytes there are in it. */
  kindsOf(id: number): number {
    return this.#kinds[id] as number;
  }

  textOf(id: number): string {
    const start = this.#starts[id] as number;
    return (this.#texts[id] ??= this.#arena.toString('latin1', start, start + (this.#lengths[id] as number)));
  }

  /** Whether it is time to forget: half of the room is left for a block. */
  get isFull(): boolean {
    return this.#count > ENTRIES_MAX / 2;
  }

  get capacity(): number {
    return ENTRIES_MAX;
  }

  clear(): void {
    this.#table.fill(EMPTY);
    this.#texts.length = 0;
    this.#arenaEnd = 0;
    this.#count = 0;
  }

  #equals(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#lengths[id] !== to - from) return false;
    const arena = this.#arena;
    let at = this.#starts[id] as number;
    for (let i = from; i < to; i += 1) if (arena[at++] !== bytes[i]) return false;
    return true;
  }

  #add(slot: number, bytes: Uint8Array, from: number, to: number): number {
    if (this.#count === ENTRIES_MAX) return -1;
    const id = this.#count++;
    const start = this.#arenaEnd;
    if (start + to - from > this.#arena.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#arena.length * 2, start + to - from));
      this.#arena.copy(larger, 0, 0, start);
      this.#arena = larger;
    }
    let kinds = 0;
    for (let i = from; i < to; i += 1) {
      this.#arena[this.#arenaEnd++] = bytes[i] as number;
      kinds |= KINDS[bytes[i] as number] as number;
    }
    this.#table[slot] = id;
    this.#starts[id] = start;
    this.#lengths[id] = to - from;
    this.#kinds[id] = kinds;
    return id;
  }
}
