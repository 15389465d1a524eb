import type {
  AgentRecord,
  InferenceRecord,
  PaymentRecord,
  ProofRecord,
  ReleaseRecord,
} from '../../../schemas/types.generated.js';

/** The five input streams, by the short names that scenarios and `--file` trails use. */
export interface RecordOf {
  releases: ReleaseRecord;
  inferences: InferenceRecord;
  proofs: ProofRecord;
  payments: PaymentRecord;
  agents: AgentRecord;
}
export type Stream = keyof RecordOf;

/** Where the log holds a record. `appendedAtMs` is Kafka's append time in milliseconds. */
export interface Position {
  readonly partition: number;
  readonly offset: bigint;
  readonly appendedAtMs: number;
}

/** A fact: one accepted record with its key and its position in the log. */
export interface Fact<T> {
  readonly record: T;
  readonly key: string;
  readonly position: Position;
}

export type ReleaseFact = Fact<ReleaseRecord>;
export type InferenceFact = Fact<InferenceRecord>;
export type ProofFact = Fact<ProofRecord>;
export type PaymentFact = Fact<PaymentRecord>;
export type AgentFact = Fact<AgentRecord>;
