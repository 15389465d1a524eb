import type { LinkedInference } from '../core/payment.js';
import type { PaymentFact } from '../core/record.js';
import type { Span } from './settler.js';

/** A record of an inference that payments name, and what is known of its copies. */
export interface LinkedRecord {
  readonly fact: LinkedInference;
  /** How many records it was told apart from, itself included; 0 while it shares its event and inference with none. */
  readonly copies: number;
  /** False once another record is known to count instead. */
  readonly counts: boolean;
}

/** How far a partition of the inferences topic is settled: its records are durable, and told apart from their copies. */
export interface SettledPartition {
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly completeUntilMs: number;
}

/** Payments that an inference is missing for, as of now. */
export interface Waiting {
  readonly payments: number;
  /** Append time since when the oldest of them waits; null when none does. */
  readonly sinceMs: number | null;
}

/** What payments are computed from, and which of them have to be computed again. Reads see every write before them. */
export interface PaymentReads {
  /**
   * Every copy of every record of some payments, every copy of their events, and the same of the payments that these name:
   * enough to say which copies count.
   * @param written records that were just written, in the order of the log in each partition: they are not read again
   */
  records(of: { readonly ids: readonly string[]; readonly written?: readonly PaymentFact[] }): Promise<PaymentFact[]>;
  /** Every record of inferences that have one of the ids or sessions. */
  inferences(named: {
    readonly ids: readonly string[];
    readonly sessions: readonly string[];
  }): Promise<readonly LinkedRecord[]>;
  /** How far the inferences are settled, by partition. */
  settledInferences(topic: string): Promise<readonly SettledPartition[]>;
  /**
   * The next payments in the order of their ids, of some partitions, that name an inference whose record lies in the spans,
   * or one about which such a record says which of its records counts.
   */
  naming(
    spans: readonly Span[],
    page: { readonly partitions: readonly number[]; readonly after: string; readonly limit: number },
  ): Promise<readonly string[]>;
  waiting(): Promise<Waiting>;
  /** Payments that wait although a record of what they wait for is there, the oldest first. */
  waitingInVain(limit: number): Promise<readonly string[]>;
}
