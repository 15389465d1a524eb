import { diff, type Difference } from '../replay/diff.js';
import type { Side } from '../replay/content.js';
import { restore } from '../replay/restore.js';
import { readRun, runDatabase, type Run } from '../replay/runs.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { printJson, say, type CliContext } from './context.js';
import { CommandError, EXIT } from './exit.js';
import { configWithStack } from './stack-config.js';

/** `backtrail replay diff` */
export async function runDiff(
  { run, other, json }: { readonly run: string; readonly other: string; readonly json: boolean },
  context: CliContext,
): Promise<void> {
  await withLive(context, async (live, connect) => {
    const { manifest } = await finished(live, run);
    const left: Side = { database: connect(runDatabase(live.database, run)), knownAtMs: null };
    if (other !== 'live') await finished(live, other);
    const right: Side =
      other === 'live'
        ? { database: live, knownAtMs: manifest.known_at_ms }
        : { database: connect(runDatabase(live.database, other)), knownAtMs: null };
    const found = await diff(manifest.scope, { left, right });
    if (json) printJson(context, { run, other, ...found });
    else for (const one of found.differences) context.stdout.write(`${lineOf(one)}\n`);
    if (found.cut) say(context, 'more rows differ than are listed');
    if (!json && found.equal) say(context, `${run} and ${other} say the same`);
    if (!found.equal) context.endWith(EXIT.findings);
  });
}

/** `backtrail replay restore` */
export async function runRestore(run: string, context: CliContext): Promise<void> {
  await withLive(context, async (live) => {
    const { manifest } = await finished(live, run);
    if (manifest.known_at_ms !== null) {
      throw new CommandError(EXIT.usage, `${run} says what was known at a time only: the live tables know more`);
    }
    const database = runDatabase(live.database, run);
    printJson(context, { run, written: await restore(live, manifest.scope, { run: database, live: live.database }) });
  });
}

function lineOf({ table, key, field, left, right, because }: Difference): string {
  const name = Object.values(key).map(String).join(' ');
  const values = `${JSON.stringify(left)} here, ${JSON.stringify(right)} there`;
  return `${table} ${name}${field === null ? '' : ` ${field}`}: ${values} (${JSON.stringify(because)})`;
}

async function finished(live: ClickHouse, runId: string): Promise<Run> {
  const run = await readRun(live, runId);
  if (run === null) throw new CommandError(EXIT.usage, `there is no run ${runId}`);
  if (run.state !== 'done') {
    throw new CommandError(
      EXIT.failure,
      `the run ${runId} is not done: \`backtrail replay --run-id ${runId}\` goes on`,
    );
  }
  return run;
}

async function withLive(
  context: CliContext,
  use: (live: ClickHouse, connect: (database: string) => ClickHouse) => Promise<void>,
): Promise<void> {
  const { clickhouse } = await configWithStack(context);
  const opened = [connectClickHouse(clickhouse)];
  const connect = (database: string): ClickHouse => {
    const connection = connectClickHouse({ ...clickhouse, database });
    opened.push(connection);
    return connection;
  };
  try {
    await use(opened[0] as ClickHouse, connect);
  } finally {
    await Promise.all(opened.map((connection) => connection.close()));
  }
}
