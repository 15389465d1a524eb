import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Places } from './range-consumer.js';

const TABLE = 'replay_offsets';

/** How far a run has read a topic for one service, in the database of the run. */
export function placesIn(
  database: Pick<ClickHouse, 'select' | 'insert'>,
  { service, topic }: { readonly service: string; readonly topic: string },
): Places {
  return {
    async read() {
      const rows = await database.select<{ partition: number; next: string; metadata: string }>(
        `SELECT partition, max(next_offset) AS next, argMax(metadata, (next_offset, length(metadata), metadata)) AS metadata
         FROM ${TABLE} WHERE service = {service:String} AND topic = {topic:String} GROUP BY partition`,
        { service, topic },
      );
      return new Map(
        rows.map(({ partition, next, metadata }) => [partition, { nextOffset: BigInt(next), metadata }] as const),
      );
    },
    async write(commits) {
      await database.insert(
        TABLE,
        commits.map(({ partition, nextOffset, metadata }) => {
          return { service, topic, partition, next_offset: nextOffset.toString(), metadata };
        }),
      );
    },
  };
}

/** For what a run reads anew each time. */
export const NO_PLACES: Places = {
  read: () => Promise.resolve(new Map()),
  write: () => Promise.resolve(),
};
