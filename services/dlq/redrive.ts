import { randomUUID } from 'node:crypto';

import type { ClickHouse } from '../shared/clickhouse/client.js';
import { groupBy } from '../shared/core/group.js';
import { isoFromMs } from '../shared/core/time.js';
import type { Outgoing } from '../shared/runtime/ports.js';
import { copyHeaders } from './headers.js';
import type { Position } from './position.js';
import { readBytes, readLetters, type Letter, type Redrive } from './letters.js';

/** The log as redriving needs it. */
export interface RedriveLog {
  endOffset(topic: string, partition: number): Promise<bigint>;
  /** Sends once. When it throws, the log may have some of them all the same. */
  place(topic: string, records: readonly (Outgoing & { readonly partition: number })[]): Promise<bigint[]>;
  /** Where the copies of some attempts are, of those that the log has. */
  find(look: Look): Promise<ReadonlyMap<string, bigint>>;
}

/** Where to look for the copies of attempts: a partition from an offset on, and up to when they can have been appended. */
export interface Look {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly appendedBeforeMs: number;
  readonly redriveIds: ReadonlySet<string>;
}

export interface RedriveParts {
  readonly database: Pick<ClickHouse, 'select' | 'insert'>;
  readonly log: RedriveLog;
  readonly by: string;
  readonly nowMs: () => number;
}

/**
 * sent: now. found: a run that was cut off had sent it, which is known now. under_way: meant by another run, or by one that was
 * cut off, so short ago that its copy may still come: nothing was sent.
 */
export type Sending = 'sent' | 'found' | 'under_way';

export interface Sent {
  readonly letter: Letter;
  readonly sending: Sending;
  readonly to: Position | null;
}

/** A request that was sent may reach the log as long as this after it was given up. */
const LATEST_ARRIVAL_MS = 60_000;
/** No copy is looked for behind what was appended so much later than it was meant: our clock may differ from the broker's. */
const LOOK_UNTIL_MS = 3_600_000;
/** Dead letters whose bytes are in memory at once, and that one crash leaves to be looked for. */
const PORTION = 200;

/**
 * Sends dead letters again, so that a crash between any two steps neither forgets nor repeats one:
 *
 *   INTENDED is written ──▶ sent, once, with the attempt's id in a header ──▶ SENT is written, with the position
 *        crash: the log is looked through for the id, from where it ended before; only if it is not there, again
 *
 * Of two people at once whoever sees the INTENDED of the other steps back: one of them does, perhaps both.
 */
export async function redriveLetters(letters: readonly Letter[], parts: RedriveParts): Promise<Sent[]> {
  const settled = await settleOpen(letters, parts);
  const open = new Set(settled.map(({ letter }) => letter.id));
  const sent = [...settled];
  const left = letters.filter(({ id }) => !open.has(id));
  const byTopic = groupBy(left, ({ topic }) => topic);
  for (const [topic, ofTopic] of byTopic) {
    for (let i = 0; i < ofTopic.length; i += PORTION) {
      sent.push(...(await sendPortion(topic, ofTopic.slice(i, i + PORTION), parts)));
    }
  }
  return sent;
}

/** What became of the attempts that were begun and not ended; nothing is said of letters that can be sent. */
async function settleOpen(letters: readonly Letter[], { database, log, nowMs }: RedriveParts): Promise<Sent[]> {
  const open = letters.flatMap((letter) => openOf(letter).map((redrive) => ({ letter, redrive })));
  const outcome: Sent[] = [];
  for (const some of groupBy(open, ({ letter }) => `${letter.topic} ${letter.partition}`).values()) {
    const { topic, partition } = (some[0] as (typeof some)[number]).letter;
    const found = await log.find({
      topic,
      partition,
      from: some.reduce((least, { redrive }) => min(least, redrive.searchFrom), some[0]?.redrive.searchFrom ?? 0n),
      appendedBeforeMs: Math.max(...some.map(({ redrive }) => redrive.intendedAtMs)) + LOOK_UNTIL_MS,
      redriveIds: new Set(some.map(({ redrive }) => redrive.redriveId)),
    });
    const steps: Step[] = [];
    for (const { letter, redrive } of some) {
      const offset = found.get(redrive.redriveId);
      const isLate = nowMs() - redrive.intendedAtMs > LATEST_ARRIVAL_MS;
      if (offset !== undefined) {
        steps.push({ letter, redrive, step: 'SENT', offset });
        outcome.push({ letter, sending: 'found', to: { topic, partition, offset } });
      } else if (isLate) steps.push({ letter, redrive, step: 'NOT_SENT' });
      else outcome.push({ letter, sending: 'under_way', to: null });
    }
    await write(database, steps, nowMs());
  }
  return outcome;
}

async function sendPortion(topic: string, letters: readonly Letter[], parts: RedriveParts): Promise<Sent[]> {
  const { database, log, nowMs } = parts;
  const meant = await intend(topic, letters, parts);
  const { mine, lost } = await whoseTurn(meant, parts);
  await write(
    database,
    lost.map((one) => ({ ...one, step: 'NOT_SENT' as const })),
    nowMs(),
  );
  const records = [];
  for (const { letter, redrive } of mine) {
    const { key, value, headers } = await readBytes(database, letter);
    const at = isoFromMs(redrive.intendedAtMs);
    const provenance = { redriveId: redrive.redriveId, from: letter.id, by: redrive.by, at };
    records.push({ key, value, headers: copyHeaders(headers, provenance), partition: letter.partition });
  }
  const offsets = records.length === 0 ? [] : await log.place(topic, records);
  await write(
    database,
    mine.map((one, i) => ({ ...one, step: 'SENT' as const, offset: offsets[i] ?? 0n })),
    nowMs(),
  );
  return [
    ...mine.map(({ letter }, i): Sent => {
      return { letter, sending: 'sent', to: { topic, partition: letter.partition, offset: offsets[i] ?? 0n } };
    }),
    ...lost.map(({ letter }): Sent => ({ letter, sending: 'under_way', to: null })),
  ];
}

interface Meant {
  readonly letter: Letter;
  readonly redrive: Redrive;
}

async function intend(topic: string, letters: readonly Letter[], parts: RedriveParts): Promise<Meant[]> {
  const { database, log, by, nowMs } = parts;
  const ends = new Map<number, bigint>();
  for (const { partition } of letters) {
    if (!ends.has(partition)) ends.set(partition, await log.endOffset(topic, partition));
  }
  const intendedAtMs = nowMs();
  const meant = letters.map((letter): Meant => {
    const searchFrom = ends.get(letter.partition) ?? 0n;
    const redrive = { redriveId: randomUUID(), by, intendedAtMs, searchFrom, state: 'INTENDED' as const, to: null };
    return { letter, redrive };
  });
  await write(
    database,
    meant.map((one) => ({ ...one, step: 'INTENDED' as const })),
    intendedAtMs,
  );
  return meant;
}

/** Those that nobody else has begun or sent since they were selected. */
async function whoseTurn(
  meant: readonly Meant[],
  { database }: RedriveParts,
): Promise<{ mine: readonly Meant[]; lost: readonly Meant[] }> {
  const positions = meant.map(({ letter }) => letter);
  const now = new Map((await readLetters(database, { positions }, positions.length)).map((one) => [one.id, one]));
  const isLost = ({ letter, redrive }: Meant): boolean => {
    const known = new Set(letter.redrives.map(({ redriveId, state }) => `${redriveId} ${state}`));
    return (now.get(letter.id)?.redrives ?? []).some((other) => {
      if (other.redriveId === redrive.redriveId || known.has(`${other.redriveId} ${other.state}`)) return false;
      return other.state !== 'NOT_SENT';
    });
  };
  return { mine: meant.filter((one) => !isLost(one)), lost: meant.filter(isLost) };
}

interface Step extends Meant {
  readonly step: 'INTENDED' | 'SENT' | 'NOT_SENT';
  readonly offset?: bigint;
}

async function write(database: RedriveParts['database'], steps: readonly Step[], atMs: number): Promise<void> {
  await database.insert(
    'redrive_rows',
    steps.map(({ letter, redrive, step, offset }) => ({
      redrive_id: redrive.redriveId,
      topic: letter.topic,
      partition: letter.partition,
      offset: letter.offset.toString(),
      step,
      at: step === 'INTENDED' ? redrive.intendedAtMs : atMs,
      by: redrive.by,
      search_from: redrive.searchFrom.toString(),
      to_partition: offset === undefined ? 0 : letter.partition,
      to_offset: (offset ?? 0n).toString(),
    })),
  );
}

export function openOf({ redrives }: Pick<Letter, 'redrives'>): Redrive[] {
  return redrives.filter(({ state }) => state === 'INTENDED');
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
