import type { LogSpans, PartitionOffsets } from '../shared/runtime/ports.js';
import type { Archived } from './manifest.js';

/**
 * Whether the log is another one than was archived, as a sentence; null when it is not, as far as that can be told. It is
 * another one when it ends before the archive does, or has below that end a record with a later time than all that are archived.
 */
export async function otherLogThanArchived(
  topic: string,
  archived: ReadonlyMap<number, Archived>,
  log: LogSpans,
): Promise<string | null> {
  if (archived.size === 0) return null;
  const spans = new Map((await log.offsets(topic)).map((span) => [span.partition, span]));
  for (const [partition, held] of archived) {
    const span = spans.get(partition);
    const sentence =
      endsBefore(topic, { partition, held, span }) ?? (await newerBelow(topic, { partition, held }, log));
    if (sentence !== null) return sentence;
  }
  return null;
}

interface Compared {
  readonly partition: number;
  readonly held: Archived;
}

function endsBefore(
  topic: string,
  { partition, held, span }: Compared & { readonly span: PartitionOffsets | undefined },
): string | null {
  if (span === undefined) return `${topic} has no partition ${partition} any more, of which the archive has records`;
  if (span.high >= held.to) return null;
  return `${topic} partition ${partition} ends at offset ${span.high}, and the archive has all below ${held.to}`;
}

async function newerBelow(topic: string, { partition, held }: Compared, log: LogSpans): Promise<string | null> {
  if (held.appendedUntilMs === null) return null;
  const later = (await log.firstSince(topic, held.appendedUntilMs + 1)).get(partition);
  if (later === undefined || later >= held.to || !hasRecord(held, later)) return null;
  return `${topic} partition ${partition} has at offset ${later} a record that is newer than all that was archived of it`;
}

/** The marker of a transaction may be newer than the records below it; it is no record. */
function hasRecord({ segments }: Archived, offset: bigint): boolean {
  const segment = segments.find(({ from, to }) => offset >= BigInt(from) && offset < BigInt(to));
  return segment?.missing.some(([from, to]) => offset >= BigInt(from) && offset < BigInt(to)) === false;
}
