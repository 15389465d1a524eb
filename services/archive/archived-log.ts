import { BacktrailError } from '../shared/errors.js';
import type { LogEnds, LogSpans, PartitionOffsets } from '../shared/runtime/ports.js';
import type { ArchiveReader } from './archive-reader.js';
import type { Archived } from './manifest.js';
import { otherLogThanArchived } from './same-log.js';

type Log = LogEnds & LogSpans;

/**
 * The log as it is with what an archive has of it: what retention took is there again. Throws LOG_REPLACED for a topic that is
 * not the one that was archived; a topic that is gone altogether is as long as its archive.
 */
export function archivedLog(archive: ArchiveReader, broker: Log): Log {
  const compared = new Set<string>();

  /** Null for a topic of which there is nothing but the archive. */
  async function atBroker(topic: string): Promise<readonly PartitionOffsets[] | null> {
    const held = archive.held(topic);
    const found = await broker.offsets(topic).catch((error: unknown) => {
      if (held.size > 0 && error instanceof BacktrailError && error.code === 'KAFKA_TOPIC_MISSING') return null;
      throw error;
    });
    if (found === null || compared.has(topic)) return found;
    const other = await otherLogThanArchived(topic, held, broker);
    if (other !== null) throw new BacktrailError('LOG_REPLACED', other);
    compared.add(topic);
    return found;
  }

  const spans = async (topic: string): Promise<readonly PartitionOffsets[]> =>
    joinedSpans(archive.held(topic), (await atBroker(topic)) ?? []);

  return {
    offsets: spans,
    endOffsets: async (topic) => new Map((await spans(topic)).map(({ partition, high }) => [partition, high])),
    firstSince: async (topic, appendedAtMs) => {
      const [held, found] = [archive.held(topic), await atBroker(topic)];
      const later = found === null ? null : await broker.firstSince(topic, appendedAtMs);
      const lows = new Map(found?.map(({ partition, low }) => [partition, low]));
      const first = new Map<number, bigint>();
      for (const { partition, high } of joinedSpans(held, found ?? [])) {
        const archived = held.get(partition);
        // What both have the broker finds sooner.
        const below = lows.get(partition) ?? high;
        const inArchive = archived === undefined ? null : await archive.firstSince(archived, appendedAtMs, below);
        first.set(partition, inArchive ?? later?.get(partition) ?? high);
      }
      return first;
    },
  };
}

function joinedSpans(
  held: ReadonlyMap<number, Archived>,
  found: readonly PartitionOffsets[],
): readonly PartitionOffsets[] {
  const spans = new Map(found.map((span) => [span.partition, span]));
  for (const [partition, { from, to }] of held) {
    const { low, high } = spans.get(partition) ?? { low: from, high: to };
    spans.set(partition, { partition, low: from < low ? from : low, high: to > high ? to : high });
  }
  return [...spans.values()].sort((a, b) => a.partition - b.partition);
}
