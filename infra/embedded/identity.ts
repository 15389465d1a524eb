import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that stays the same one. A pid alone is recycled by the system; the pid with the time the process was born is not,
 * so nothing that merely inherited a number from us is ever taken for ours, or killed.
 */
export interface Identity {
  pid: number;
  /** Opaque; equal only for the same process on the same boot. */
  born: string;
}

/** The identity of a live process, null when there is none (a zombie is dead: nobody may ever reap it). */
export function identityOf(pid: number): Identity | null {
  const born = process.platform === 'linux' ? bornLinux(pid) : bornByPs(pid);
  return born === null ? null : { pid, born };
}

export function isAlive(identity: Identity | null): boolean {
  return identity !== null && identityOf(identity.pid)?.born === identity.born;
}

/** Sends the signal if that very process still lives; says whether it did. */
export function signalProcess(identity: Identity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false; // it ended in between
  }
}

function bornLinux(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return null;
  }
  const ticks = startTicks(stat);
  return ticks === null ? null : `${bootId()}:${ticks}`;
}

/**
 * Field 22 of /proc/PID/stat, null for a process that has ended (Z, X). The name in field 2 may itself hold spaces and
 * brackets, so fields are counted from the last closing bracket.
 */
export function startTicks(stat: string): string | null {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  const state = fields[0];
  if (state === undefined || state === 'Z' || state === 'X') return null;
  return fields[19] ?? null;
}

/** Stopped by SIGSTOP or a debugger: alive, but nothing it promises happens. Known on Linux only. */
export function isFrozen(identity: Identity | null): boolean {
  if (identity === null || process.platform !== 'linux') return false;
  try {
    const stat = readFileSync(`/proc/${String(identity.pid)}/stat`, 'utf8');
    return /^[Tt] /.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

let knownBootId: string | undefined;

/** Start ticks count from the boot: after a reboot the same pid could be born at the same tick. */
function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return knownBootId;
}

function bornByPs(pid: number): string | null {
  try {
    process.kill(pid, 0);
    const line = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}
