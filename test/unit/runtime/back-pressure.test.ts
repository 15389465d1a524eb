import { describe, expect, it } from 'vitest';

import { inference } from '../../../services/inference/definition.js';
import { payment } from '../../../services/payment/definition.js';
import { proof } from '../../../services/proof/definition.js';
import { now } from '../../../services/shared/clock.js';
import { createMetrics } from '../../../services/shared/metrics.js';
import { BackPressure, gatheredMax } from '../../../services/shared/runtime/back-pressure.js';
import { valuesIn } from '../../integration/metrics.fixture.js';

describe('the metrics of back-pressure', () => {
  it('are all there before anything is read, with the bounds', async () => {
    const metrics = createMetrics('inference');
    new BackPressure(metrics, { records: 7, bytes: 70 });
    const value = valuesIn(await metrics.registry.metrics());
    for (const buffer of ['gathered', 'writing']) {
      expect(value('buffered_records', buffer)).toBe(0);
      expect(value('buffered_bytes', buffer)).toBe(0);
      expect(value('buffered_max_records', buffer)).toBe(7);
      expect(value('buffered_max_bytes', buffer)).toBe(70);
    }
    for (const reason of ['database', 'input']) {
      expect(value('paused_since_seconds', reason)).toBe(0);
      expect(value('paused_seconds_total', reason)).toBe(0);
    }
  });

  it('say since when nothing is read until the last of several pauses is over, and count that time once', async () => {
    const metrics = createMetrics('inference');
    const pressure = new BackPressure(metrics, { records: 1, bytes: 1 });
    const before = now() / 1000;
    const [first, second] = [pressure.pause('database'), pressure.pause('database')];
    first();
    first();
    const during = valuesIn(await metrics.registry.metrics());
    expect(during('paused_since_seconds', 'database')).toBeGreaterThanOrEqual(before);
    expect(during('paused_since_seconds', 'input')).toBe(0);
    expect(during('paused_seconds_total', 'database')).toBe(0);
    second();
    const after = valuesIn(await metrics.registry.metrics());
    expect(after('paused_since_seconds', 'database')).toBe(0);
    expect(after('paused_seconds_total', 'database')).toBeGreaterThan(0);
    expect(after('paused_seconds_total', 'database')).toBeLessThanOrEqual(now() / 1000 - before + 0.001);
  });
});

it('less is gathered of what takes more memory', () => {
  const limits = { batchRowsMax: 50_000, batchBytesMax: 1_000 };
  expect(gatheredMax(inference, limits)).toEqual({ records: 50_000, bytes: 1_000 });
  expect(gatheredMax(proof, limits).records).toBeLessThan(50_000);
  expect(gatheredMax(payment, limits).records).toBeLessThan(gatheredMax(proof, limits).records);
  expect(gatheredMax(payment, { ...limits, batchRowsMax: 5 }).records).toBe(5);
});
