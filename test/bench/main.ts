import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { Command, InvalidArgumentError } from 'commander';

import { packageRoot } from '../../services/shared/package-root.js';
import { toItsEnd } from '../command-line.js';
import { runBench, type BenchOptions } from './bench.js';

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

const program = new Command('bench')
  .description(
    `Measures, in one run and on the same topics: the inference service end to end, from its first fetch of a preloaded
topic until the last row is visible; kafkajs with a full decode that does nothing else; and inserting the same rows
that does nothing else. Then, on topics of its own, how long a record takes from its append until it is visible.

Starts servers of its own in a temporary folder, unless KAFKA_BROKERS, SCHEMA_REGISTRY_URL and CLICKHOUSE_URL name others
(then their CPU time is not known), and removes all that it made. Needs the service built: npm run build.`,
  )
  .option('--records <n>', 'inference records that are preloaded', whole, 1_000_000)
  .option('--releases <n>', 'release records before them', whole, 1000)
  .option('--partitions <n>', 'partitions of the topic', whole, 3)
  .option('--block-rows <n>', 'rows of an insert of the insert limit', whole, 30_000)
  .option('--runs <n>', 'runs, interleaved; the median is printed', whole, 1)
  .option('--per-second <n>', 'records a second while latency is measured', whole, 2000)
  .option('--seconds <n>', 'how long latency is measured; 0 leaves it out', whole, 20)
  .option('--profile <folder>', 'writes a CPU profile of the service there')
  .option('--json', 'prints one JSON object')
  .addHelpText('after', '\nExamples:\n  npm run bench\n  npm run bench -- --records 200000 --runs 3 --seconds 0');
program.parse();

const options = program.opts<BenchOptions & { json?: boolean }>();
process.exitCode = await toItsEnd(async (ending) => {
  const report = await runBench(options, {
    env: process.env,
    ending,
    name: `bench_${randomBytes(4).toString('hex')}`,
    service: join(packageRoot(), 'dist', 'services', 'inference', 'main.js'),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(options.json === true ? `${JSON.stringify(report.figures)}\n` : `${report.table}\n`);
});
