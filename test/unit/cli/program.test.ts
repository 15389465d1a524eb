import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../../services/cli/context.js';
import { EXIT, exitCodeOf } from '../../../services/cli/exit.js';
import { painter } from '../../../services/cli/paint.js';
import { buildProgram, runProgram } from '../../../services/cli/program.js';
import { progressLine } from '../../../services/cli/progress.js';
import { printable, tableLines } from '../../../services/cli/table.js';
import { certificateAuthority, identityFrom } from '../../certificates.js';

function terminal(env: Record<string, string> = {}) {
  const written = { out: '', err: '', ended: EXIT.ok as number };
  const context: CliContext = {
    // No home of a stack that may run on this machine.
    env: { BACKTRAIL_HOME: '/nonexistent/backtrail', ...env },
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    signal: new AbortController().signal,
    endWith: (code) => {
      written.ended = code;
    },
  };
  return { context, written };
}

async function exitOf(args: readonly string[], env: Record<string, string> = {}) {
  const { context, written } = terminal(env);
  try {
    await runProgram(args, context);
    return { ...written, code: written.ended, message: '' };
  } catch (error) {
    return { ...written, code: exitCodeOf(error), message: (error as Error).message };
  }
}

function leaves(command: Command, path: readonly string[] = []): string[][] {
  const own = command.commands.filter((each) => each.name() !== 'help');
  return own.length === 0 ? [[...path]] : own.flatMap((each) => leaves(each, [...path, each.name()]));
}

describe('the command line', () => {
  const commands = leaves(buildProgram(terminal().context));

  it('has the commands that the specification names', () => {
    const names = commands.map((path) => path.join(' '));
    for (const name of [
      'up',
      'down',
      'status',
      'migrate',
      'config check',
      'ask served',
      'ask trail',
      'scenario run',
      'demo',
      'import',
      'completeness',
      'alerts show',
      'alerts ack',
      'alerts silence',
    ]) {
      expect(names).toContain(name);
    }
  });

  it.each(commands.map((path) => [path.join(' '), path] as const))(
    '%s --help shows an example, as data',
    async (_name, path) => {
      const { code, out, err } = await exitOf([...path, '--help']);
      expect({ code, err }).toEqual({ code: EXIT.ok, err: '' });
      expect(out).toMatch(/Examples?:\n {2}\$ .*backtrail /);
    },
  );

  it.each([
    [['frob'], /unknown command 'frob'/],
    [['ask', 'why'], /unknown command 'why'/],
    [['ask', 'served'], /missing required argument 'inference'/],
    [['ask', 'served', 'a', 'b'], /too many arguments/],
    [['ask', 'served', '-x'], /unknown option '-x'/],
    [['ask', 'timeline', 'm'], /required option '--at <time>' not specified/],
    [['ask', 'timeline', 'm', '--at', 'noon'], /--at is not an ISO-8601 time .*: noon/],
    [['ask', 'agents', 'm', 'r', '--activation', '-1'], /--activation is not a whole number of at least 1: -1/],
    [['demo', '--events', 'many'], /--events is not a whole number of at least 1: many/],
    [['demo', '--events', '10'], /--events is at least 1000/],
    [['demo', '--file', 'a', '--seed', '1'], /--file and --seed exclude each other/],
    [['demo', '--file', '/nonexistent/trail.jsonl'], /trail\.jsonl: no such file/],
    [['import'], /missing required argument 'files'/],
    [['import', '/nonexistent/trail.jsonl'], /trail\.jsonl: no such file/],
    [['service', 'shipping'], /'shipping' is invalid.*Allowed choices are release, inference/],
    [['alerts', '--state', 'burning'], /'burning' is invalid.*Allowed choices are firing, resolved/],
    [['alerts', '--known', 'noon'], /--known is not an ISO-8601 time/],
    [['alerts', '--follow', '--known', '2026-03-10'], /--follow and --known exclude each other/],
    [['alerts', 'ack', 'abc'], /required option '--why <text>' not specified/],
    [['alerts', 'ack', 'abc', '--why', ' '], /--why is empty/],
    [['alerts', 'silence', '--model', 'm', '--for', 'ever', '--why', 'x'], /--for is not a duration .*: ever/],
    [['scenario', 'run', '/nonexistent/story.yaml'], /story\.yaml: no such file/],
  ])('%j is bad input, said in one line', async (args, message) => {
    const result = await exitOf(args);
    expect(result.code).toBe(EXIT.usage);
    expect(result.message).toMatch(message);
    expect(result.message).not.toContain('\n');
    expect(result.out).toBe('');
  });

  it('reports every problem of the configuration together', async () => {
    const { code, message } = await exitOf(['config', 'check'], { CLICKHOUSE_URL: 'ftp://x', PORT: 'high' });
    expect(code).toBe(EXIT.usage);
    for (const name of ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'CLICKHOUSE_URL', 'PORT'])
      expect(message).toContain(name);
    const asJson = await exitOf(['config', 'check', '--json'], { PORT: 'high' });
    expect(asJson.code).toBe(EXIT.usage);
    expect(JSON.parse(asJson.out)).toMatchObject({ ok: false, config: null });
  });

  it('shows the configuration without its passwords', async () => {
    const { code, out } = await exitOf(['config', 'check', '--json'], {
      KAFKA_BROKERS: 'a:1,b:2',
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'secret-1',
      SCHEMA_REGISTRY_URL: 'http://u:secret-2@registry/',
      CLICKHOUSE_URL: 'http://clickhouse:8123',
      CLICKHOUSE_PASSWORD: 'secret-3',
    });
    expect(code).toBe(EXIT.ok);
    expect(out).not.toContain('secret');
    expect(JSON.parse(out)).toMatchObject({ ok: true, config: { kafka: { brokers: ['a:1', 'b:2'] } } });
  });

  it('shows whom it trusts and who it is, and not the key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'backtrail-check-'));
    try {
      const authority = certificateAuthority('our authority');
      const { cert, key } = identityFrom(authority, 'our service');
      for (const [name, text] of Object.entries({ ca: authority.cert, cert, key }))
        writeFileSync(join(folder, name), text);
      const { code, out } = await exitOf(['config', 'check', '--json'], {
        KAFKA_BROKERS: 'a:1',
        SCHEMA_REGISTRY_URL: 'http://registry/',
        CLICKHOUSE_URL: 'http://clickhouse:8123',
        KAFKA_SSL: 'true',
        KAFKA_SSL_CA_FILE: join(folder, 'ca'),
        KAFKA_SSL_CERT_FILE: join(folder, 'cert'),
        KAFKA_SSL_KEY_FILE: join(folder, 'key'),
      });
      expect(code).toBe(EXIT.ok);
      const { config } = JSON.parse(out) as { config: { kafka: { ssl: object } } };
      expect(config.kafka.ssl).toEqual({
        ca: 'CN=our authority until Dec 31 23:59:59 9999 GMT',
        cert: 'CN=our service until Dec 31 23:59:59 9999 GMT',
        key: '***',
        passphrase: null,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what goes to a terminal only', () => {
  const written: string[] = [];
  const sink = (isTTY: boolean) => ({ isTTY, columns: 20, write: (text: string) => written.push(text) });

  it('colours: not in a pipe, and not with NO_COLOR', () => {
    expect(painter(sink(true), {})('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    for (const paint of [
      painter(sink(false), {}),
      painter(sink(true), { NO_COLOR: '1' }),
      painter(sink(true), { TERM: 'dumb' }),
    ]) {
      expect(paint('red', 'x')).toBe('x');
    }
  });

  it('progress: never longer than a line, and taken away in the end', () => {
    progressLine(sink(false), {}).update('hidden');
    expect(written).toEqual([]);
    const line = progressLine(sink(true), {});
    line.update('a'.repeat(50));
    line.update('too soon after');
    line.clear();
    expect(written).toEqual([`\r\u001b[2K${'a'.repeat(19)}`, '\r\u001b[2K']);
  });
});

describe('a table', () => {
  it('aligns numbers to the right and leaves no blanks at the end', () => {
    expect(
      tableLines(
        [{ title: 'id' }, { title: 'n', align: 'right' }, { title: '' }],
        [
          ['a', '10', ''],
          ['bcd', '7', 'x'],
        ],
      ),
    ).toEqual(['id    n', 'a    10', 'bcd   7  x']);
  });

  it('cannot be forged by ids', () => {
    expect(printable('a\r\nb\u202ec')).toBe('a\\u000d\\u000ab\\u202ec');
  });
});
