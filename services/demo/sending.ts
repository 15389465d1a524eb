import type { InferenceRecord, PaymentRecord } from '../../schemas/types.generated.js';
import type { RecordOf, Stream } from '../shared/core/record.js';
import type { Storyteller } from './network.js';

/** A record with its topic, as it is sent or stands in a trail file. */
export type TrailRecord = { [S in Stream]: { readonly stream: S; readonly record: RecordOf[S] } }[Stream];

/** A record on its way: when it is sent decides the order of the log. */
export type Sending = TrailRecord & { readonly sendAt: number };

/** What of a trail does not count, by topic. */
export interface Disorder {
  readonly sendings: readonly Sending[];
  /** Copies that say the same again. */
  readonly duplicates: number;
  /** Copies of an event that say something else, and second reports of a request: ignored, and said. */
  readonly contradictions: number;
  readonly refused: Readonly<Record<Stream, number>>;
}

const MS = 1000;
const MINUTE = 60_000 * MS;
const SHARE_LATE = 0.01;
const SHARE_TWICE = 0.002;

/** A record of an event: sent within two seconds, one in a hundred much later. */
export function sending(teller: Storyteller, item: TrailRecord, options: { prompt: boolean }): Sending {
  const { random } = teller;
  const delay = random.between(20, 1500) * MS;
  const late = !options.prompt && random.chance(SHARE_LATE) ? random.between(20, 90) * MINUTE : 0;
  return { ...item, sendAt: item.record.occurred_at + delay + late };
}

/** What goes wrong on the way: the same again, the same with other words, and what no consumer can accept. */
export function disorderOf(teller: Storyteller, sendings: readonly Sending[]): Disorder {
  const { random } = teller;
  const copies: Sending[] = [];
  const later = (): number => random.between(1, 30) * MINUTE;
  const twice = Math.max(6, Math.floor(sendings.length * SHARE_TWICE));
  for (let i = 0; i < twice; i += 1) {
    const original = random.pick(sendings);
    copies.push({ ...original, sendAt: original.sendAt + later() });
  }
  const contradictions: Sending[] = [];
  const settled = sendings.find((each) => each.stream === 'payments' && each.record.state === 'SETTLED');
  const reports = sendings.filter((each) => each.stream === 'inferences').slice(0, 3);
  if (settled?.stream === 'payments') {
    const record: PaymentRecord = { ...settled.record, amount: `${settled.record.amount}0` };
    contradictions.push({ stream: 'payments', record, sendAt: settled.sendAt + later() });
  }
  for (const report of reports) {
    const eventId = `inf-${random.hex(12).slice(2)}`;
    const record: InferenceRecord = {
      ...report.record,
      event_id: eventId,
      release: 'as-seen-by-proxy',
      session_id: null,
    };
    contradictions.push({ stream: 'inferences', record, sendAt: report.sendAt + later() });
  }
  const refused = refusedOf(teller, sendings);
  const counts: Record<Stream, number> = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
  for (const { stream } of refused) counts[stream] += 1;
  return {
    sendings: [...copies, ...contradictions, ...refused],
    duplicates: copies.length,
    contradictions: contradictions.length,
    refused: counts,
  };
}

/** Records that are well-formed Avro and can still never be processed (SPEC 8), one kind after another. */
function refusedOf({ random, at, run }: Storyteller, sendings: readonly Sending[]): Sending[] {
  const refused: Sending[] = [];
  const spoil = <S extends Stream>(stream: S, minute: number, spoiled: Partial<RecordOf[S]>): void => {
    const original = sendings.find((each) => each.stream === stream);
    if (original === undefined) return;
    const time = at(minute);
    const record = { ...original.record, occurred_at: time, event_id: `bad-${random.hex(12).slice(2)}`, ...spoiled };
    refused.push({ stream, record, sendAt: time } as Sending);
  };
  spoil('inferences', 33, { inference_id: random.hex(32), occurred_at: 0 });
  spoil('inferences', 166, { inference_id: `\u0000${random.hex(32)}` });
  spoil('proofs', 91, { proof_id: 'p'.repeat(600) });
  spoil('payments', 127, { payment_id: random.hex(32), amount: '-1' });
  spoil('payments', 244, { payment_id: random.hex(32), amount: '0.25' });
  spoil('agents', 171, { agent_id: `line\n${run}` });
  spoil('releases', 101, { action: 'TRAFFIC_SET', blob_ids: [], traffic: { a: 9000, b: 2000 } });
  return refused;
}
