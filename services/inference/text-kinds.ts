/** What kinds of bytes there are in a text. */
export const CONTROL = 1;
export const NOT_ASCII = 2;

/**
 * Four bytes at once. Of a word in which every byte is ASCII, `controlIn` is not 0 if one of them is a control character:
 * below 0x20 the subtraction borrows, and 0x7f becomes 0 by the exclusive or.
 */
export function highBitsIn(word: number): number {
  return word & 0x80808080;
}

export function controlIn(word: number): number {
  const noDelete = word ^ 0x7f7f7f7f;
  return (((word - 0x20202020) & ~word) | ((noDelete - 0x01010101) & ~noDelete)) & 0x80808080;
}

export function kindOfByte(byte: number): number {
  if (byte >= 0x80) return NOT_ASCII;
  return byte < 0x20 || byte === 0x7f ? CONTROL : 0;
}

export function kindsOf(high: number, control: number): number {
  return (high !== 0 ? NOT_ASCII : 0) | (control !== 0 ? CONTROL : 0);
}

let lastBuffer: ArrayBufferLike | null = null;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/** The memory that a buffer lies in. The records of one fetch share it, so it is mostly that of the last call. */
export function viewOf({ buffer }: Uint8Array): DataView {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastView = new DataView(buffer);
  }
  return lastView;
}
