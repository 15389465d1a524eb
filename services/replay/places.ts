import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Places } from './range-consumer.js';

const TABLE = 'replay_offsets';

interface Row {
  readonly partition: number;
  readonly next: string;
  readonly last: readonly [metadata: string, records: string, content: string, schemaIds: readonly number[]];
}

/** How far a run has read a topic for one service, in the database of the run. */
export function placesIn(
  database: Pick<ClickHouse, 'select' | 'insert'>,
  { service, topic }: { readonly service: string; readonly topic: string },
): Places {
  return {
    async read() {
      const rows = await database.select<Row>(
        `SELECT partition, max(next_offset) AS next,
           argMax((metadata, toString(records), content, schema_ids), (next_offset, length(metadata), metadata)) AS last
         FROM ${TABLE} WHERE service = {service:String} AND topic = {topic:String} GROUP BY partition`,
        { service, topic },
      );
      return new Map(
        rows.map(({ partition, next, last: [metadata, records, content, schemaIds] }) => [
          partition,
          { nextOffset: BigInt(next), metadata, read: { records: Number(records), content, schemaIds } },
        ]),
      );
    },
    async write(commits) {
      await database.insert(
        TABLE,
        commits.map(({ partition, nextOffset, metadata, read }) => {
          const { records, content, schemaIds } = read;
          const place = { service, topic, partition, next_offset: nextOffset.toString(), metadata };
          return { ...place, records, content, schema_ids: schemaIds };
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
