import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it } from 'vitest';

import type { InferenceRecord } from '../../schemas/types.generated.js';
import { elapsedMs, now, sleep } from '../../services/shared/clock.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { Child } from '../bench/child.js';
import { metricsAt, type Values } from '../integration/metrics.fixture.js';
import { TestNetwork, waitUntil } from '../integration/services.fixture.js';
import { inferenceRecord, traffic } from '../unit/runtime/records.fixture.js';
import { FaultProxy, type Fault } from './fault-proxy.js';

/**
 *   live        · · · · · · · · · · · · · · · · · · · · · · · · · ·
 *   ClickHouse  ────────┤ takes nothing                ├───────────
 *   backlog                ████████  much more than may be held
 *   reading     ────────────┤ pauses, longer than a session ├──────
 */
const LIVE_PER_SECOND = 200;
const LIVE_EVERY_MS = 100;
const SESSION_MS = 6_000;
const MIB = 1024 ** 2;
const BYTES_MAX = 2 * MIB;
const BACKLOG = 36_000;
/** Of each record, of which no packing makes less. */
const TEXT_BYTES = 2_500;
/** What is sent while reading pauses. */
const PAUSED_BACKLOG = BACKLOG * 0.75;
const SAMPLE_EVERY_MS = 100;
/** Several times the live rate, and a fraction of what it does on a machine that does nothing else. */
const CATCH_UP_FACTOR = 5;

let network: TestNetwork;
let proxy: FaultProxy;
let service: Child | null = null;
let live: Live | null = null;

afterEach(async () => {
  await live?.stop().catch(() => undefined);
  live = null;
  await service?.stop();
  service = null;
  await proxy.close();
  await network.close();
});

function records(from: number, to: number, textBytes = 0): InferenceRecord[] {
  const at = now() * 1000;
  return Array.from({ length: to - from }, (_, i) =>
    inferenceRecord(`i${from + i}`, {
      occurred_at: at,
      source_ref: textBytes === 0 ? null : randomBytes(textBytes * 0.75).toString('base64'),
    }),
  );
}

function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

/** Sends a few records all the time. */
class Live {
  sent = 0;
  readonly #ending = new AbortController();
  readonly #startedMs = elapsedMs();
  readonly #ended: Promise<void>;

  /** @param first the number of its first record */
  constructor(private readonly first: number) {
    this.#ended = this.#run();
    // Whoever stops it hears of it.
    this.#ended.catch(() => undefined);
  }

  get perSecond(): number {
    return (this.sent * 1000) / (elapsedMs() - this.#startedMs);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const due = Math.floor(((elapsedMs() - this.#startedMs) * LIVE_PER_SECOND) / 1000);
      await network.send('inferences', records(this.first + this.sent, this.first + due));
      this.sent = due;
      await sleep(LIVE_EVERY_MS, this.#ending.signal);
    }
  }
}

async function startService(): Promise<number> {
  const main = join(packageRoot(), 'services', 'inference', 'main.ts');
  const env = { ...process.env, ...network.env, PORT: '0', LOG_LEVEL: 'info' };
  service = new Child([process.execPath, '--import', 'tsx', main], env);
  const line = await service.line((one) => one.includes('"ready"'));
  return (JSON.parse(line) as { port: number }).port;
}

/** The members of the service's group, by their ids. */
async function members(): Promise<string[]> {
  const { kafka } = network.config;
  const group = `${kafka.topicPrefix}backtrail.inference`;
  const { groups } = await withAdmin(kafka, (admin) => admin.describeGroups([group]));
  return [groups[0]?.state ?? '', ...(groups[0]?.members ?? []).map(({ memberId }) => memberId)];
}

async function written(): Promise<number> {
  const [row] = await network.select<{ n: string }>('SELECT count() AS n FROM inference_rows');
  return Number(row?.n);
}

/** What is held is never more than its bound, whenever it is looked at. */
function expectWithinBounds(value: Values): void {
  for (const buffer of ['gathered', 'writing']) {
    expect(value('buffered_bytes', buffer)).toBeLessThanOrEqual(value('buffered_max_bytes', buffer));
    expect(value('buffered_records', buffer)).toBeLessThanOrEqual(value('buffered_max_records', buffer));
  }
  expect(value('buffered_max_bytes', 'gathered')).toBe(BYTES_MAX);
}

/** Each gives the fault, and what ends it. */
const TROUBLES: Readonly<Record<string, () => { fault: Fault; end: () => void }>> = {
  'answers nothing': () => {
    const ended = new AbortController();
    const fault: Fault = async (forward) => {
      await sleep(100_000, ended.signal);
      return forward();
    };
    const end = (): void => {
      ended.abort();
    };
    return { fault, end };
  },
  'is away': () => ({
    fault: (_forward, response) => {
      response.socket?.destroy();
      return Promise.resolve(null);
    },
    end: () => undefined,
  }),
};

describe('while ClickHouse takes nothing', () => {
  it.each(Object.keys(TROUBLES))(
    'and %s, reading pauses within its bounds, in its group, and then catches up by itself (L8)',
    { timeout: 180_000 },
    async (name) => {
      proxy = await FaultProxy.to(inject('endpoints').clickhouseUrl);
      network = await TestNetwork.create({
        CLICKHOUSE_URL: proxy.url,
        BATCH_BYTES_MAX: String(BYTES_MAX),
        SESSION_TIMEOUT_MS: String(SESSION_MS),
        RETRY_MAX_MS: '500',
      });
      await network.send('releases', [traffic('r1', now() * 1000 - 60_000_000, { v1: 10_000 })]);
      const port = await startService();
      const pid = service?.pid ?? 0;
      const beside = new Live(BACKLOG);
      live = beside;
      await waitUntil('live records are written', async () => (await written()) > LIVE_PER_SECOND);
      const before = await members();
      expect(before).toHaveLength(2);
      expect((await metricsAt(port))('paused_since_seconds', 'database')).toBe(0);

      const { fault, end } = (TROUBLES[name] as (typeof TROUBLES)[string])();
      proxy.break(fault);
      await network.send('inferences', records(0, BACKLOG - PAUSED_BACKLOG, TEXT_BYTES));
      await waitUntil('reading pauses', async () => (await metricsAt(port))('paused_since_seconds', 'database') > 0);
      const pausedMs = elapsedMs();
      const resident = residentBytes(pid);
      await network.send('inferences', records(BACKLOG - PAUSED_BACKLOG, BACKLOG, TEXT_BYTES));
      let most = resident;
      do {
        await sleep(SAMPLE_EVERY_MS);
        const value = await metricsAt(port);
        expectWithinBounds(value);
        expect(value('paused_since_seconds', 'database')).toBeGreaterThan(0);
        most = Math.max(most, residentBytes(pid));
      } while (elapsedMs() - pausedMs < SESSION_MS * 1.5);
      // Half of what waits in the log; it would be more than all of it if that were read.
      expect(most - resident).toBeLessThan((PAUSED_BACKLOG * TEXT_BYTES) / 2);
      expect(await members()).toEqual(before);

      const [there, due] = [await written(), BACKLOG + beside.sent];
      const startMs = elapsedMs();
      proxy.mend();
      end();
      await waitUntil('it has caught up', async () => {
        expectWithinBounds(await metricsAt(port));
        return (await written()) >= due;
      });
      const perSecond = ((due - there) * 1000) / (elapsedMs() - startMs);
      expect(perSecond).toBeGreaterThan(beside.perSecond * CATCH_UP_FACTOR);
      await beside.stop();
      const all = BACKLOG + beside.sent;
      await network.applied({ inferences: all });
      const value = await metricsAt(port);
      expect(value('paused_since_seconds', 'database')).toBe(0);
      expect(value('paused_seconds_total', 'database')).toBeGreaterThan(SESSION_MS / 1000);
      expect(await members()).toEqual(before);
      expect(await network.count('SELECT * FROM inferences')).toBe(all);
      expect(await network.count('SELECT DISTINCT partition, offset FROM inference_rows')).toBe(all);
    },
  );
});
