import { randomBytes } from 'node:crypto';

import { topicName } from '../../schemas/topics.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { missingRanges, type OffsetRange } from '../shared/clickhouse/completeness.js';
import { within } from '../shared/clickhouse/conditions.js';
import { FACT_TABLES, factColumns, toFact, type FactRow } from '../shared/clickhouse/fact-rows.js';
import { READERS, readLeftAt } from '../shared/clickhouse/progress-rows.js';
import type { Stream } from '../shared/core/record.js';
import { ReleaseLog } from '../shared/core/release-log.js';
import type { SchemaSource } from '../shared/kafka/registry.js';
import { Closure, NARROW, type Needed, type NarrowStream } from './closure.js';
import { evidenceOf, type Evidence } from './evidence.js';
import { STREAMS, type Range, type Scope } from './manifest.js';
import { clipped, joined, offsetsIn, rangesText } from './ranges.js';

export interface Planning {
  readonly scope: Scope;
  readonly topicPrefix: string;
  /** Stretches that are not needed are read all the same, up to so many offsets: batches come whole from the log. */
  readonly through: bigint;
  /** Says whether what was given up for an unknown schema would be a record by now. */
  readonly registry: SchemaSource;
  readonly signal: AbortSignal;
}

export interface Plan {
  readonly ranges: readonly Range[];
  /** What is read whole, and why, in sentences. */
  readonly whole: readonly string[];
}

type Database = Pick<ClickHouse, 'select' | 'command' | 'database'>;

/** So long without any progress services are waited for that have not applied all that there was. */
const STANDSTILL_MS = 5_000;
const LOOK_MS = 200;
/** Stretches that the tables lack, looked at in a partition: those below its beginning do not matter. */
const LACKING_MAX = 100;
/** Unknown schemas that the registry is asked for; with more of them anything may be. */
const SCHEMAS_MAX = 100;

/**
 * Narrows what is read of the log to what a scope needs, by what the live tables know of it. They are believed only where they
 * account for every offset, as a fact, dead letter or gap: of what they lack nobody knows what else it leads to.
 *
 *   lacks offsets of    then read whole, as it may name
 *   inferences          everything               payments, and what proofs are about
 *   payments            payments, inferences     inferences
 *   proofs              proofs                   copies of proofs
 *   releases            -                        evidence: every inference of the model may be of the release
 *
 * @param ranges all that there is
 */
export async function narrowed(ranges: readonly Range[], live: Database, planning: Planning): Promise<Plan> {
  const { scope, topicPrefix, through, registry } = planning;
  const of = (stream: Stream): Range[] => ranges.filter(({ topic }) => topic === topicName(stream, topicPrefix));
  await untilApplied(of, live, planning);
  // Looked at first: what is accounted for now is there when its links are looked for.
  const lacking = new Set<Stream>();
  for (const stream of STREAMS) if (await lacks(live, stream, { ranges: of(stream), registry })) lacking.add(stream);
  const narrow = NARROW.filter((stream) => isKnown(stream, lacking));
  const whole = STREAMS.filter((stream) => !(narrow as readonly Stream[]).includes(stream)).map((stream) =>
    whyWhole(stream, lacking),
  );
  if (narrow.length === 0) return { ranges, whole };

  const closure = new Closure(live, `${live.database}_replay_plan_${randomBytes(6).toString('hex')}`);
  try {
    await closure.prepare();
    await closure.find(scope, lacking.has('releases') ? null : await evidenceIn(live, scope));
    const parts = new Map<string, readonly Range[]>();
    for (const stream of narrow) {
      const all = of(stream);
      const spans = all.map(({ partition, from, to }) => ({ partition, from: BigInt(from), to: BigInt(to) }));
      const topic = topicName(stream, topicPrefix);
      const needed = [
        ...(await closure.needed(stream, through)),
        ...(await closure.always(
          stream,
          topic,
          spans.filter(({ from, to }) => from < to),
        )),
      ];
      parts.set(
        topic,
        all.map((range) => cut(range, needed, through)),
      );
    }
    return { ranges: ranges.flatMap((range) => partOf(range, parts)), whole };
  } finally {
    await closure.drop();
  }
}

function partOf(range: Range, parts: ReadonlyMap<string, readonly Range[]>): Range {
  return parts.get(range.topic)?.find(({ partition }) => partition === range.partition) ?? range;
}

function cut(range: Range, needed: readonly Needed[], through: bigint): Range {
  const span = { from: BigInt(range.from), to: BigInt(range.to) };
  // The first record that is left says up to when those were appended that retention took.
  const first = span.from > 0n ? [{ from: span.from, to: span.from + 1n }] : [];
  const own = needed.filter(({ partition }) => partition === range.partition).map((one) => one.range);
  const read = withEdges(joined(clipped([...first, ...own], span), through), span, through);
  if (offsetsIn(read) === span.to - span.from) return range;
  return { ...range, read: rangesText(read) };
}

/** The stretch before the first range and that behind the last are no other than those between. */
function withEdges(ranges: readonly OffsetRange[], { from, to }: OffsetRange, through: bigint): OffsetRange[] {
  const [first, last] = [ranges[0]?.from ?? to, ranges.at(-1)?.to ?? to];
  const edges = [
    { from, to: first },
    { from: last, to },
  ].filter((edge) => edge.to - edge.from <= through);
  return joined([...ranges, ...edges], 0n);
}

/** Whether the tables know of every record of a stream that a scope needs. */
function isKnown(stream: NarrowStream, lacking: ReadonlySet<Stream>): boolean {
  if (lacking.has('inferences') || lacking.has(stream)) return false;
  return stream !== 'inferences' || !lacking.has('payments');
}

function whyWhole(stream: Stream, lacking: ReadonlySet<Stream>): string {
  if (stream === 'releases') return 'releases: they decide about everything';
  if (stream === 'agents') return 'agents: each may be exposed, or reached through another';
  const lacks = [...lacking].filter((one) => one === stream || one === 'inferences' || one === 'payments');
  return `${stream}: the live tables lack offsets of ${lacks.join(' and ')}, which may lead to any of them`;
}

interface Held {
  /** Of the topic of a stream. */
  readonly ranges: readonly Range[];
  readonly registry: SchemaSource;
}

async function lacks(live: Database, stream: Stream, held: Held): Promise<boolean> {
  for (const { topic, partition, from, to } of held.ranges) {
    const what = { stream, topic, partition, below: BigInt(to) };
    const missing = from === to ? [] : await missingRanges(live, what, LACKING_MAX);
    if (missing.length === LACKING_MAX || missing.some((range) => range.to > BigInt(from))) return true;
  }
  return mayBeAccepted(live, stream, held);
}

/**
 * Whether a record that was given up because the registry did not know its schema is one by now: it would be read, and nobody
 * knows what it leads to. Of one that was sent again the copy says it; but not since when a release record was known.
 */
async function mayBeAccepted(live: Database, stream: Stream, { ranges, registry }: Held): Promise<boolean> {
  const spans = ranges.map(({ partition, from, to }) => ({ partition, from: BigInt(from), to: BigInt(to) }));
  if (spans.length === 0) return false;
  const sentAgain = `SELECT partition, offset FROM redrives WHERE topic = {topic:String} AND state = 'SENT'
    AND (assumeNotNull(to_partition), assumeNotNull(to_offset)) IN (SELECT partition, offset FROM ${FACT_TABLES[stream]})`;
  const rows = await live.select<{ id: string }>(
    `SELECT DISTINCT hex(substring(base64Decode(ifNull(value_base64, '')), 2, 4)) AS id FROM dead_letter_rows
     WHERE topic = {topic:String} AND code = 'SCHEMA_UNKNOWN' AND (${within(spans)})
       ${stream === 'releases' ? '' : `AND (partition, offset) NOT IN (${sentAgain})`} LIMIT {limit:UInt32}`,
    { topic: ranges[0]?.topic ?? '', limit: SCHEMAS_MAX },
  );
  if (rows.length === SCHEMAS_MAX) return true;
  for (const { id } of rows) {
    const { kind } = await registry.writerSchema(parseInt(id, 16));
    if (kind === 'avro' || kind === 'unreachable') return true;
  }
  return false;
}

async function evidenceIn(live: Database, { model, release }: Scope): Promise<Evidence | null> {
  if (release === undefined) return null;
  const rows = await live.select<FactRow>(
    `SELECT ${factColumns('releases', 'table')} FROM ${FACT_TABLES.releases} LIMIT 1 BY partition, offset`,
  );
  return evidenceOf(release, ReleaseLog.of(rows.map((row) => toFact('releases', row))).model(model).facts);
}

/** What came just now is applied in a moment, and everything would be read for its sake. */
async function untilApplied(of: (stream: Stream) => Range[], live: Database, { signal }: Planning): Promise<void> {
  let [movedMs, before] = [elapsedMs(), ''];
  while (!signal.aborted && elapsedMs() - movedMs < STANDSTILL_MS) {
    const states: string[] = [];
    let isApplied = true;
    for (const stream of STREAMS) {
      const [{ topic } = { topic: '' }] = of(stream);
      const left = await readLeftAt(live, READERS[stream], topic);
      if (left.size === 0) return; // Nobody applies it.
      for (const { partition, to } of of(stream)) {
        const next = left.get(partition)?.nextOffset ?? 0n;
        isApplied &&= next >= BigInt(to);
        states.push(next.toString());
      }
    }
    if (isApplied) return;
    if (states.join() !== before) movedMs = elapsedMs();
    before = states.join();
    await sleep(LOOK_MS, signal);
  }
  signal.throwIfAborted();
}
