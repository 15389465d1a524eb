/**
 * Java's producers write snappy in frames of their own ("xerial"), others write it bare:
 *
 *   | 82 53 4e 41 50 50 59 00 | version, 4 | compatible, 4 | { length, 4 | block }* |
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const HEADER_BYTES = MAGIC.length + 8;
const LENGTH_BYTES = 4;

/** The bytes of a batch in either form. `inflate` inflates one bare block. */
export function decodeSnappy(bytes: Buffer, inflate: (block: Buffer) => Buffer): Buffer {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return inflate(bytes);
  const blocks: Buffer[] = [];
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new Error('a snappy block ends after its batch');
    blocks.push(inflate(bytes.subarray(at + LENGTH_BYTES, end)));
    at = end;
  }
  return Buffer.concat(blocks);
}
