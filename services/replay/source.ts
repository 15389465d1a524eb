import type { SchemaSource } from '../shared/kafka/registry.js';
import type { GroupConsumer, LogEnds, LogSpans } from '../shared/runtime/ports.js';

/** Where a replay reads: from the brokers and the registry, or from an archive before them. */
export interface ReplaySource {
  /** What there is to be read. */
  log(brokers: LogEnds & LogSpans): LogEnds & LogSpans;
  consumer(brokers: GroupConsumer, reading: SourceReading): GroupConsumer;
  schemas(registry: SchemaSource): SchemaSource;
}

export interface SourceReading {
  readonly topic: string;
  /** Up to where each partition is read. */
  readonly spans: ReadonlyMap<number, { readonly to: bigint }>;
  /** Ends the reading. */
  readonly signal: AbortSignal;
}

export const BROKERS: ReplaySource = {
  log: (brokers) => brokers,
  consumer: (brokers) => brokers,
  schemas: (registry) => registry,
};
