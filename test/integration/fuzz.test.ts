import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { StackEngine } from '../../services/scenario/stack-engine.js';
import { loadConfig } from '../../services/shared/config.js';
import { fuzz } from '../fuzz/fuzz.js';
import { serverEnv } from './servers.fixture.js';

const STORIES = 4;

describe('random stories on the real stack', () => {
  it.each([
    { partitions: 1, instances: 1 },
    { partitions: 3, instances: 2 },
  ])(
    'have every answer of the pure core, with $partitions partitions and $instances instances',
    { timeout: 600_000 },
    async ({ partitions, instances }) => {
      const config = loadConfig(serverEnv());
      const { signal } = new AbortController();
      const seed = String(randomInt(1_000_000));
      const printed = [`npm run fuzz -- --seed ${seed} --stories ${STORIES}`];
      const engine = await StackEngine.open({ config, signal });
      const options = { seed, stories: STORIES, first: 0, partitions, instances, kill: false, moments: 1, show: 1 };
      const say = (sentence: string): void => {
        console.log(sentence);
      };
      const print = (text: string): void => {
        printed.push(text);
      };
      const report = await fuzz(options, { engine, signal, say, print }).finally(() => engine.close());

      expect(report.stories).toBe(STORIES);
      expect(
        report.differing.map(({ tested }) => tested.name),
        printed.join('\n'),
      ).toEqual([]);
    },
  );
});
