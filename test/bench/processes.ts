import { existsSync, readFileSync } from 'node:fs';

// What the kernel counts in, on every Linux that runs Node.
const TICKS_PER_SECOND = 100;
const KIB = 1024;

/** CPU seconds that a process has used so far, all threads and its children of now; NaN where there is no /proc. */
export function cpuSeconds(pid: number): number {
  if (!existsSync(`/proc/${pid}/stat`)) return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory a process ever had, in bytes. */
export function peakBytes(pid: number): number {
  if (!existsSync(`/proc/${pid}/status`)) return Number.NaN;
  const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return found === null ? Number.NaN : Number(found[1]) * KIB;
}

export type Pids = Readonly<Record<string, number>>;

/** Starts to count. The function it returns gives the CPU seconds of each process since then. */
export function countCpu(pids: Pids): () => Record<string, number> {
  const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
  return () =>
    Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid) - (before[name] ?? 0)]));
}
