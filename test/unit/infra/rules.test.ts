import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { SERVICES } from '../../../services/cli/stack-contents.js';
import { createMetrics, METRICS } from '../../../services/shared/metrics.js';
import { packageRoot } from '../../../services/shared/package-root.js';

const folder = join(packageRoot(), 'infra', 'prometheus');
const runbook = readFileSync(join(packageRoot(), 'infra', 'runbook.md'), 'utf8');

/** As Prometheus reads it, and with what ours have to have. */
const file = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Backtrail[A-Za-z]+$/),
          expr: z.string().min(1),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
          annotations: z.strictObject({
            summary: z.string().regex(/^\S.*\S$/),
            runbook_url: z.string().regex(/^infra\/runbook\.md#[a-z]+$/),
          }),
        }),
      ),
    }),
  ),
});
const rules = file
  .parse(parse(readFileSync(join(folder, 'rules.yaml'), 'utf8')))
  .groups.flatMap((group) => group.rules);
const specs = Object.values(METRICS);

/** Names that a scrape has: a histogram gives three. */
const served = new Map(
  specs.flatMap(({ name, kind, labels }) => {
    const names = kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => `${name}${part}`) : [name];
    return names.map((one): [string, readonly string[]] => [one, labels]);
  }),
);
const OF_PROMETHEUS = ['service', 'instance', 'job'];

describe('the metrics', () => {
  it('that are served are those of the table, with kind and meaning', async () => {
    const text = await createMetrics('any').registry.metrics();
    const described = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(([, ...parts]) => parts);
    expect(described).toEqual(specs.map(({ name, help, kind }) => [name, help, kind]));
  });

  it.each(specs)('$name says its unit and what it means', ({ name, kind, unit, help }) => {
    expect(name).toMatch(/^backtrail_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith(kind === 'counter' ? `_${unit}_total` : unit)).toBe(true);
    expect(help).toMatch(/^[A-Z].*\.$/);
  });
});

describe('the rules', () => {
  it('have names of their own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it.each(rules)('$alert asks for metrics and labels that there are', ({ expr }) => {
    const asked = [...expr.matchAll(/\b(backtrail_\w+)(?:\{([^}]*)\})?/g)];
    expect(asked.length > 0 || expr.startsWith('up{job="backtrail"}')).toBe(true);
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/,\s*/));
    for (const [, name = '', matchers = ''] of asked) {
      const labels = served.get(name);
      expect(labels, name).toBeDefined();
      const used = [...matchers.matchAll(/(\w+)\s*[=!]/g)].map((match) => match[1]);
      for (const label of [...used, ...grouped]) expect([...(labels ?? []), ...OF_PROMETHEUS], name).toContain(label);
    }
  });

  it.each(rules)('$alert has a section of its own in the runbook', ({ alert, annotations }) => {
    expect(annotations.runbook_url).toBe(`infra/runbook.md#${alert.toLowerCase()}`);
    expect(runbook.split(`\n### ${alert}\n\n`)[1]).toMatch(/^\S/);
  });

  it('are all that the runbook has sections of', () => {
    const sections = [...runbook.matchAll(/^### (Backtrail\w+)$/gm)].map((match) => match[1]);
    expect(sections).toEqual(rules.map(({ alert }) => alert));
  });

  it('miss no service', () => {
    const { expr = '' } = rules.find(({ alert }) => alert === 'BacktrailServiceMissing') ?? {};
    const named = [...expr.matchAll(/service="(\w+)"/g)].map((match) => match[1]);
    expect(named).toEqual([...SERVICES]);
  });
});

describe('the example of a Prometheus', () => {
  it('scrapes every service under the job that the rules ask for', () => {
    const config = z
      .object({
        rule_files: z.array(z.string()),
        scrape_configs: z.array(
          z.object({ job_name: z.string(), static_configs: z.array(z.object({ targets: z.array(z.string()) })) }),
        ),
      })
      .parse(parse(readFileSync(join(folder, 'prometheus.yaml'), 'utf8')));
    expect(config.rule_files).toEqual(['rules.yaml']);
    expect(config.scrape_configs).toMatchObject([
      { job_name: 'backtrail', static_configs: [{ targets: SERVICES.map((service) => `${service}:9400`) }] },
    ]);
  });
});
