import { readFileSync } from 'node:fs';

import { parseManifest, planRanges, type Manifest, type Scope } from '../replay/manifest.js';
import { narrowed } from '../replay/plan.js';
import { readRun } from '../replay/runs.js';
import { verifyBefore } from '../replay/verify.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { trailSettings, type Config } from '../shared/config.js';
import type { LogSpans } from '../shared/runtime/ports.js';
import type { SchemaSource } from '../shared/kafka/registry.js';
import { eventTimeArgument, knowledgeTimeArgument, wholeNumberArgument } from './arguments.js';
import { CommandError, EXIT, usageError } from './exit.js';
import { packageVersion } from './program.js';
import type { ReplayOptions } from './replay.js';

export interface PlanContext {
  readonly config: Config;
  readonly live: ClickHouse;
  readonly log: LogSpans;
  readonly registry: SchemaSource;
  readonly signal: AbortSignal;
}

export interface Planned {
  readonly manifest: Manifest;
  /** What is read whole, and why. */
  readonly whole: readonly string[];
}

/** A fetch brings so many records of a partition at once, wanted or not. */
const READ_THROUGH = '2000';

/** What is to be read: by a manifest, as a run had it that was begun, or by what the options say. */
export async function planReplay(options: ReplayOptions, context: PlanContext): Promise<Planned> {
  const { config, live, log, registry } = context;
  const { topicPrefix } = config.kafka;
  if (options.manifest !== undefined) {
    const manifest = manifestIn(options.manifest);
    await verifyBefore(manifest, { log, registry, topicPrefix });
    return { manifest, whole: [] };
  }
  const given = options.runId === undefined ? null : await readRun(live, options.runId);
  const scope = given !== null && options.model === undefined ? given.manifest.scope : scopeOf(options);
  // A run that is named again goes on: what has come since is not its business.
  if (given !== null && JSON.stringify(given.manifest.scope) === JSON.stringify(scope)) {
    return { manifest: given.manifest, whole: [] };
  }
  const knownAtMs = options.known === undefined ? null : knowledgeTimeArgument('--known', options.known);
  const all = await planRanges(log, { topicPrefix, knownAtMs });
  const through = BigInt(wholeNumberArgument('--read-through', options.readThrough ?? READ_THROUGH, 0));
  const { ranges, whole } =
    options.full === true
      ? { ranges: all, whole: ['all topics: --full'] }
      : await narrowed(all, live, { scope, topicPrefix, through, registry, signal: context.signal });
  const settings = trailSettings(config);
  return { manifest: { format: 1, code: packageVersion(), scope, known_at_ms: knownAtMs, settings, ranges }, whole };
}

/** A manifest by itself, or within what a run printed. */
function manifestIn(file: string): Manifest {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CommandError(EXIT.usage, `${file} cannot be read`, { cause });
  }
  return parseManifest(text);
}

function scopeOf({ model, release, activation, from, to }: ReplayOptions): Scope {
  if (model === undefined) throw usageError('--model says what to replay; or --manifest, or the --run-id of a run');
  if (activation !== undefined && release === undefined) throw usageError('--activation is one of a --release');
  return {
    model,
    ...(release === undefined ? {} : { release }),
    ...(activation === undefined ? {} : { activation: wholeNumberArgument('--activation', activation, 1) }),
    ...(from === undefined ? {} : { fromMicros: eventTimeArgument('--from', from) }),
    ...(to === undefined ? {} : { toMicros: eventTimeArgument('--to', to) }),
  };
}
