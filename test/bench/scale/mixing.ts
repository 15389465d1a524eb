/** A number that looks like chance, and is the same for the same two numbers and the same purpose. */
export function mixed(n: number, seed: number, purpose: number): number {
  let hash = Math.imul(n >>> 0, 0x9e3779b1) ^ Math.imul(Math.floor(n / 0x1_0000_0000) + seed + 1, 0x85ebca77);
  hash ^= Math.imul(purpose + 1, 0xc2b2ae3d);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** 32 hex digits that never repeat: the number itself is in them, turned around by a step that loses nothing. */
export function mixedHex(n: number, seed: number, purpose: number): string {
  return (
    hex(mixed(n, seed, purpose)) + hex(scrambled(n)) + hex(mixed(n, seed + 7, purpose)) + hex(purpose * 65_537 + seed)
  );
}

/** One to one on 32 bits: an odd factor and shifts can be undone. */
function scrambled(n: number): number {
  const step = Math.imul(n ^ (n >>> 16), 0x7feb352d);
  return (step ^ (step >>> 15)) >>> 0;
}

function hex(n: number): string {
  return (n >>> 0).toString(16).padStart(8, '0');
}
