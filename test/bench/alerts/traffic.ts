import { elapsedMs, now, sleep } from '../../../services/shared/clock.js';
import type { Loader } from '../scale/load.js';
import { agentsOf, GROUP, inferenceOf, paymentsOf, proofsOf } from '../scale/network.js';
import {
  eventsPerInference,
  faultyInference,
  FLAGGED_BEFORE,
  happening,
  indexesOf,
  MEASURED,
  settledPayment,
  type Story,
} from './records.js';

const SEND_EVERY_MS = 20;
/** A proof comes so long after its inference, and a payment after its last use. In reality minutes go by until it settles. */
const PROOF_AFTER_MS = 1_000;
const PAYMENT_AFTER_MS = 5_000;

/** How many of something were due by now, and are sent. */
class Steps {
  #sent = 0;

  constructor(
    private readonly perSecond: number,
    private readonly max = Infinity,
  ) {}

  get isOver(): boolean {
    return this.#sent >= this.max;
  }

  /** The numbers that became due. Whoever could not send in time sends more at once. */
  take(sinceMs: number): number[] {
    const due = Math.min(Math.max(Math.floor((sinceMs * this.perSecond) / 1000), this.#sent), this.max);
    const from = this.#sent;
    this.#sent = due;
    return Array.from({ length: due - from }, (_, i) => from + i);
  }
}

/**
 * Live traffic of all models at a steady rate, until it is stopped; and, once that is asked for, payments to be measured
 * beside it, each with the inferences that it is for.
 *
 *   inferences ── 1 s ──▶ their proofs
 *   inferences ── 5 s ──▶ the payment of ten of them
 */
export class Traffic {
  readonly #steps: Readonly<Record<'inferences' | 'proofs' | 'groups', Steps>>;
  readonly #startedMs = elapsedMs();
  readonly #stopping = new AbortController();
  #measured: { readonly served: Steps; readonly paid: Steps; readonly sinceMs: number } | null = null;
  readonly #ended: Promise<void>;

  constructor(
    private readonly loader: Loader,
    private readonly story: Story,
    rate: number,
  ) {
    const perSecond = rate / eventsPerInference(story);
    this.#steps = {
      inferences: new Steps(perSecond),
      proofs: new Steps(perSecond),
      groups: new Steps(perSecond / GROUP),
    };
    this.#ended = this.#run();
    // Whoever stops it hears of it.
    this.#ended.catch(() => undefined);
  }

  /** Resolves when so many measured payments are sent, spread over the time. */
  async measure({ payments, seconds }: { payments: number; seconds: number }): Promise<void> {
    const perSecond = payments / seconds;
    const measured = {
      served: new Steps(perSecond, payments),
      paid: new Steps(perSecond, payments),
      sinceMs: elapsedMs(),
    };
    this.#measured = measured;
    while (!measured.paid.isOver) await Promise.race([sleep(SEND_EVERY_MS), this.#failed()]);
  }

  /** Throws what it could not send. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #failed(): Promise<void> {
    await this.#ended;
    throw new Error('the traffic has ended');
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await Promise.all([this.#sendLive(elapsedMs() - this.#startedMs), this.#sendMeasured()]);
      await sleep(SEND_EVERY_MS, signal);
    }
  }

  async #sendLive(sinceMs: number): Promise<void> {
    const { loader } = this;
    const { live } = this.story;
    const at = now() * 1000;
    const inferences = this.#steps.inferences.take(sinceMs);
    const proofs = this.#steps.proofs.take(sinceMs - PROOF_AFTER_MS);
    const groups = this.#steps.groups.take(sinceMs - PAYMENT_AFTER_MS);
    await Promise.all([
      loader.send(
        'inferences',
        inferences.map((i) => inferenceOf(i, live, at)),
      ),
      loader.send(
        'agents',
        inferences.flatMap((i) => happening(agentsOf(i, live), at)),
      ),
      loader.send(
        'proofs',
        proofs.flatMap((i) => happening(proofsOf(i, live), at)),
      ),
      loader.send(
        'payments',
        groups.flatMap((group) => happening(paymentsOf(group, live), at)),
      ),
    ]);
  }

  async #sendMeasured(): Promise<void> {
    if (this.#measured === null) return;
    const { loader } = this;
    const { served, paid, sinceMs: startedMs } = this.#measured;
    const network = this.story.measured;
    const sinceMs = elapsedMs() - startedMs;
    const at = now() * 1000;
    await loader.send(
      'inferences',
      served
        .take(sinceMs)
        .flatMap(indexesOf)
        .map((i) => faultyInference(i, { model: FLAGGED_BEFORE, network, at })),
    );
    await loader.send(
      'payments',
      paid
        .take(sinceMs - PAYMENT_AFTER_MS)
        .flatMap((group) => settledPayment(group, network))
        .map((record) => ({ ...record, source: MEASURED, occurred_at: at })),
    );
  }
}
