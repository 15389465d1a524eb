import { kindOfByte } from './text-kinds.js';

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
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  #view = new DataView(this.#arena.buffer);
  #arenaEnd = 0;
  #count = 0;

  /** The number of these bytes, or -1 when there is no room for more. */
  idOf(view: DataView, from: number, to: number): number {
    let hash = to - from;
    let at = from;
    for (let left = hash >>> 2; left > 0; left -= 1) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x01000193);
      hash ^= hash >>> 15;
      at += 4;
    }
    for (; at < to; at += 1) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & (TABLE_SIZE - 1);
    for (;;) {
      const id = this.#table[slot] as number;
      if (id === EMPTY) return this.#add(slot, view, from, to);
      if (this.#equals(id, view, from, to)) return id;
      slot = (slot + 1) & (TABLE_SIZE - 1);
    }
  }

  /** Which kinds of bytes there are in it. */
  kindsOf(id: number): number {
    return this.#kinds[id] as number;
  }

  textOf(id: number): string {
    const start = this.#starts[id] as number;
    return (this.#texts[id] ??= this.#arena.toString('utf8', start, start + (this.#lengths[id] as number)));
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

  #equals(id: number, view: DataView, from: number, to: number): boolean {
    if (this.#lengths[id] !== to - from) return false;
    let read = from;
    let at = this.#starts[id] as number;
    const end = at + to - from;
    for (; at + 4 <= end; at += 4, read += 4) if (this.#view.getInt32(at) !== view.getInt32(read)) return false;
    for (; at < end; at += 1, read += 1) if (this.#view.getUint8(at) !== view.getUint8(read)) return false;
    return true;
  }

  #add(slot: number, view: DataView, from: number, to: number): number {
    if (this.#count === ENTRIES_MAX) return -1;
    const id = this.#count++;
    const start = this.#arenaEnd;
    if (start + to - from > this.#arena.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#arena.length * 2, start + to - from));
      this.#arena.copy(larger, 0, 0, start);
      this.#arena = larger;
      this.#view = new DataView(larger.buffer);
    }
    let kinds = 0;
    for (let i = from; i < to; i += 1) {
      const byte = view.getUint8(i);
      this.#arena[this.#arenaEnd++] = byte;
      kinds |= kindOfByte(byte);
    }
    this.#table[slot] = id;
    this.#starts[id] = start;
    this.#lengths[id] = to - from;
    this.#kinds[id] = kinds;
    return id;
  }
}
