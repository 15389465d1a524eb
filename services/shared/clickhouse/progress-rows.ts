import type { Stream } from '../core/record.js';
import type { LeftAt } from '../runtime/settled.js';
import type { ClickHouse } from './client.js';

/** Which service applies which topic, and says so in `progress`. */
export const READERS: { readonly [S in Stream]: string } = {
  releases: 'release',
  inferences: 'inference',
  proofs: 'proof',
  payments: 'payment',
  agents: 'agent',
};

interface Row {
  readonly partition: number;
  readonly next_offset: string;
  readonly applied: string;
  readonly complete: string;
  readonly idle: string;
  readonly linked: Readonly<Record<string, string>>;
}

/** Where the last owners of the partitions of a topic left them. Partitions that nobody had are missing. */
export async function readLeftAt(
  database: Pick<ClickHouse, 'select'>,
  service: string,
  topic: string,
): Promise<ReadonlyMap<number, LeftAt>> {
  const rows = await database.select<Row>(
    `SELECT partition, next_offset, toUnixTimestamp64Milli(applied_until) AS applied,
       toUnixTimestamp64Milli(complete_until) AS complete, toUnixTimestamp64Milli(idle_at) AS idle, linked
     FROM progress WHERE service = {service:String} AND topic = {topic:String}`,
    { service, topic },
  );
  return new Map(
    rows.map(({ partition, next_offset: next, applied, complete, idle, linked }) => [
      partition,
      {
        nextOffset: BigInt(next),
        appliedUntilMs: Number(applied),
        completeUntilMs: Number(complete),
        idleAtMs: Number(idle),
        linked,
      },
    ]),
  );
}
