import { expect } from 'vitest';

import { deadLetterTopic } from '../../schemas/topics.js';
import type { AgentRecord } from '../../schemas/types.generated.js';
import { asker } from '../../services/shared/clickhouse/ask/ask.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { clickHouseStore } from '../../services/shared/clickhouse/store.js';
import { answer } from '../../services/shared/core/answer.js';
import type { Question } from '../../services/shared/core/question.js';
import type { RecordOf, Stream } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { serverEnv } from '../integration/servers.fixture.js';
import { DEFINITIONS, TestNetwork, waitUntil, type RunningService } from '../integration/services.fixture.js';
import {
  inferenceRecord,
  paymentRecord,
  proofRecord,
  releaseRecord,
  START_MICROS,
  traffic,
} from '../unit/runtime/records.fixture.js';

export const PER_ROUND = 40;
const STREAMS = ['releases', 'inferences', 'proofs', 'payments', 'agents'] as const satisfies readonly Stream[];

/**
 * The services, with something wrong between them and a server, and records of every topic in rounds. After each round the answers
 * are those of the pure core, nothing is lost or there twice, and the offsets are right.
 */
export class Rounds {
  #running: RunningService[] = [];
  #round = 0;
  readonly #ids: string[] = [];
  readonly #sent: Record<Stream, number> = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
  /** Past whatever is wrong. */
  readonly #direct: ClickHouse;

  private constructor(readonly network: TestNetwork) {
    this.#direct = connectClickHouse({ ...network.config.clickhouse, url: serverEnv().CLICKHOUSE_URL });
  }

  /** @param through where the services find what they need, as variables */
  static async begin(through: Readonly<Record<string, string>>): Promise<Rounds> {
    const network = await TestNetwork.create({ RETRY_INITIAL_MS: '20', RETRY_MAX_MS: '200', ...through });
    const rounds = new Rounds(network);
    await rounds.#send('releases', [traffic('r0', START_MICROS, { v1: 10_000 })]);
    rounds.#running = await network.start(...STREAMS);
    return rounds;
  }

  async close(): Promise<void> {
    await this.network.close();
    await this.#direct.close();
  }

  /** Stops the services and starts them again, with whatever comes in between. */
  async restart(between: () => void): Promise<void> {
    await Promise.all(this.#running.map((service) => service.stop()));
    between();
    this.#running = await this.network.start(...STREAMS);
  }

  /** Of every stream some; payments before their inferences and after; one that is refused; what they are about changes. */
  async send(): Promise<void> {
    const n = (this.#round += 1);
    const id = (i: number): string => `i${n}-${i}`;
    const of = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) =>
        inferenceRecord(id(from + i), { occurred_at: START_MICROS + n, session_id: `s${n}`, agent_id: `a${n}` }),
      );
    await this.#send('payments', [
      paymentRecord(`p${n} early`, {
        allocations: [0, PER_ROUND - 1].map((i) => ({ inference_id: id(i), amount: null })),
      }),
      paymentRecord(`p${n} refused`, { amount: '-1' }),
    ]);
    await this.#send('inferences', [...of(0, PER_ROUND / 2), inferenceRecord(`bad ${n}`, { cost: 'much' })]);
    await this.#send('releases', [
      traffic(`r${n}`, START_MICROS + n, { [release(n)]: 10_000 }),
      releaseRecord({ event_id: `f${n}`, action: 'FLAGGED', release: release(n), flag_id: `f${n}`, severity: 'major' }),
    ]);
    await this.#send('inferences', of(PER_ROUND / 2, PER_ROUND));
    await this.#send('proofs', [proofRecord(`proof ${n}`, id(1))]);
    await this.#send('agents', [
      changeOf(`a${n}`, START_MICROS + n, id(2)),
      changeOf(`b${n}`, START_MICROS + n, id(2)),
    ]);
    await this.#send('payments', [paymentRecord(`p${n} session`, { session_id: `s${n}` })]);
    this.#ids.push(...Array.from({ length: PER_ROUND }, (_, i) => id(i)));
  }

  /** Resolves when everything is applied, swept and linked. */
  async applied(): Promise<void> {
    await waitUntil('all is applied, swept and linked', async () => {
      const rows = await this.#direct.select<{ topic: string; next: string; swept: string; linked: string }>(
        `SELECT topic, sum(next_offset) AS next, min(release_offset) AS swept, min(arraySum(mapValues(linked))) AS linked
         FROM progress GROUP BY topic`,
      );
      const of = (stream: Stream) => rows.find((row) => row.topic === this.network.topic(stream));
      return (
        STREAMS.every((stream) => Number(of(stream)?.next) === this.#sent[stream]) &&
        Number(of('inferences')?.swept) >= this.#sent.releases &&
        Number(of('payments')?.linked) >= this.#sent.inferences
      );
    });
  }

  async expectRight(): Promise<void> {
    await this.#expectAnswers();
    await this.#expectEachOnce();
    await this.#expectCommitted();
  }

  async #expectAnswers(): Promise<void> {
    const trail = await this.#oracle();
    const ask = asker(this.#direct);
    const [n, model] = [this.#round, 'm'];
    const questions: Question[] = [
      ...[0, PER_ROUND - 1].map((i): Question => ({ ask: 'served', inference: `i${n}-${i}` })),
      ...['early', 'session'].map((which): Question => ({ ask: 'payment', payment: `p${n} ${which}` })),
      { ask: 'proof', inference: `i${n}-1` },
      { ask: 'incident', model, release: release(n) },
      { ask: 'taint', model, release: release(n) },
      { ask: 'agents', model, release: release(n) },
    ];
    for (const question of questions)
      expect([question, await ask(question)]).toEqual([question, answer(trail, question)]);
  }

  /** All facts as the log has them, judged by the core alone. */
  async #oracle(): Promise<Trail> {
    const store = clickHouseStore(this.#direct, 100_000);
    const rounds = Array.from({ length: this.#round }, (_, i) => i + 1);
    const of = (ids: readonly string[]) => ({ kind: 'ids', ids }) as const;
    const [releases, inferences, proofs, payments, agents] = await Promise.all([
      store.facts('releases', of(['m'])),
      store.facts('inferences', of(this.#ids)),
      store.facts('proofs', of(this.#ids)),
      store.facts('payments', of(rounds.flatMap((n) => [`p${n} early`, `p${n} session`]))),
      store.facts('agents', of(rounds.flatMap((n) => [`a${n}`, `b${n}`]))),
    ]);
    const records: Records = { releases, inferences, proofs, payments, agents };
    return Trail.of(records, Number.MAX_SAFE_INTEGER);
  }

  async #expectEachOnce(): Promise<void> {
    const n = async (sql: string): Promise<number> =>
      Number((await this.#direct.select<{ n: string }>(`SELECT count() AS n FROM (${sql})`))[0]?.n);
    expect(await n('SELECT * FROM inferences')).toBe(this.#ids.length);
    expect(await n('SELECT * FROM inference_records')).toBe(this.#ids.length);
    expect(await n('SELECT * FROM agent_changes')).toBe(2 * this.#round);
    expect(await n('SELECT DISTINCT topic, partition, offset FROM dead_letter_rows')).toBe(2 * this.#round);
    expect(await n('SELECT * FROM dead_letters')).toBe(2 * this.#round);
  }

  /** Every group has committed to the end of its topic, and every dead letter is in its topic, at least once. */
  async #expectCommitted(): Promise<void> {
    const { kafka } = this.network.config;
    const settings = { ...kafka, brokers: serverEnv().KAFKA_BROKERS.split(',') };
    await withAdmin(settings, async (admin) => {
      for (const stream of STREAMS) {
        const topic = this.network.topic(stream);
        const ends = await admin.fetchTopicOffsets(topic);
        const groupId = `${kafka.topicPrefix}backtrail.${DEFINITIONS[stream].service}`;
        const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const open = ends
          .filter(({ high }) => high !== '0')
          .map(({ partition, high }) => ({ partition, offset: high }));
        const told = (committed?.partitions ?? []).filter(({ offset }) => offset !== '-1');
        const byPartition = <T extends { partition: number }>(list: readonly T[]): T[] =>
          [...list].sort((a, b) => a.partition - b.partition);
        expect([stream, byPartition(told.map(({ partition, offset }) => ({ partition, offset })))]).toEqual([
          stream,
          byPartition(open),
        ]);
      }
      for (const stream of ['inferences', 'payments'] as const) {
        const ends = await admin.fetchTopicOffsets(deadLetterTopic(this.network.topic(stream)));
        const letters = ends.reduce((sum, { high }) => sum + Number(high), 0);
        expect(letters).toBeGreaterThanOrEqual(this.#round);
      }
    });
  }

  async #send<S extends Stream>(stream: S, records: readonly RecordOf[S][]): Promise<void> {
    await this.network.send(stream, records);
    this.#sent[stream] += records.length;
  }
}

function release(round: number): string {
  return `v${round % 3}`;
}

function changeOf(agentId: string, at: number, inferenceId: string): AgentRecord {
  return {
    ...{ event_id: `change of ${agentId}`, occurred_at: at, source: 'test', source_ref: null, agent_id: agentId },
    ...{ change_id: `c of ${agentId}`, action: 'CHANGED', kind: 'PROMPT', model_id: null, before_digest: 'before' },
    ...{ after_digest: 'after', caused_by: [inferenceId], upstream_agent_ids: [], reverts_change_id: null },
  };
}
