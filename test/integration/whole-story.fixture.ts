import { topicName } from '../../schemas/topics.js';
import { recordsOf } from '../../services/scenario/core-engine.js';
import type { Scenario } from '../../services/scenario/scenario.js';
import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import { trailSettings, type Config } from '../../services/shared/config.js';
import { refusal } from '../../services/shared/core/validate.js';
import { correlate } from '../../services/window/correlate.js';
import { applyRecords } from './story-tables.fixture.js';

/** A story in the tables with everything that services write beside rows: windows, dead letters, progress. */

const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];

export function lastMs(story: Scenario): number {
  return Math.max(0, ...story.records.map((record) => record.appendedAtMs));
}

export function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

/** @param moments up to when everything is applied, one after the other, each time windows are written */
export async function applyStory(
  config: Config,
  database: ClickHouse,
  story: Scenario,
  moments = [lastMs(story)],
): Promise<void> {
  await applyRecords(database, recordsOf(story));
  await database.insert('dead_letter_rows', deadLetters(story));
  let afterMs = 0;
  for (const ms of moments) {
    await database.insert(
      'progress_rows',
      READERS.map((service) => progressOf(service, ms)),
    );
    await correlate(database, { afterMs, settings: trailSettings(config) });
    afterMs = ms;
  }
}

function progressOf(service: string, ms: number): object {
  const applied = { applied_until: ms, complete_until: ms, idle_at: ms, updated_at: ms * 1000 };
  return { service, topic: 't', partition: 0, next_offset: String(ms), release_offset: '1', ...applied };
}

function deadLetters(story: Scenario): object[] {
  return story.records.flatMap(({ stream, fields, appendedAtMs }, index) => {
    const refused = refusal(stream, fields as never, appendedAtMs);
    if (refused === null) return [];
    const position = { topic: topicName(stream, ''), partition: 0, offset: String(index), appended_at: appendedAtMs };
    return [{ ...position, service: stream, code: refused.code, reason: refused.reason }];
  });
}

/** Fields that name something of one story, and would name the same in another. */
const NAMES = [
  'event_id',
  'model_id',
  'inference_id',
  'payment_id',
  'agent_id',
  'session_id',
  'caused_by',
  'upstream_agent_ids',
];

/** Several stories as one, beside each other. */
export function together(stories: readonly Scenario[]): Scenario {
  const records = stories.flatMap((story) =>
    story.records.map((record) => ({ ...record, fields: named(story.name, record.fields) })),
  );
  return { name: 'several', records, expect: [] } as unknown as Scenario;
}

function named(story: string, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const within = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(within);
    return typeof value === 'string' ? `${story}: ${value}` : value;
  };
  const allocations = fields['allocations'] as { inference_id: string }[] | undefined;
  return {
    ...fields,
    ...Object.fromEntries(NAMES.filter((name) => name in fields).map((name) => [name, within(fields[name])])),
    ...(allocations === undefined
      ? {}
      : { allocations: allocations.map((one) => ({ ...one, inference_id: within(one.inference_id) })) }),
  };
}
