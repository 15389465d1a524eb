import process from 'node:process';

// Loaded before a service (NODE_OPTIONS=--import): the time it reads is off by CLOCK_JUMP_MS, and jumps once more on the way.
const jumpMs = Number(process.env.CLOCK_JUMP_MS ?? 0);
const real = Date.now.bind(Date);
const startMs = real();
Date.now = () => real() + (real() - startMs > 3_000 ? -jumpMs : jumpMs);
