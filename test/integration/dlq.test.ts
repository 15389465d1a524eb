import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EXIT, exitCodeOf } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import { REDRIVE_ID } from '../../services/dlq/headers.js';
import { schemaOf } from '../../services/shared/kafka/schema-file.js';
import { scanLog } from '../../services/shared/kafka/scan.js';
import { writeHeader } from '../../services/shared/kafka/wire.js';
import type { LogRecord } from '../../services/shared/runtime/ports.js';
import { inferenceRecord, START_MICROS, traffic } from '../unit/runtime/records.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { TestNetwork } from './services.fixture.js';

const LATE_SCHEMA = 424_242;

/** The registry of the stack, to which one schema is not known before it is told. */
class LateRegistry {
  #server: Server | null = null;
  known = false;

  async start(): Promise<string> {
    const { SCHEMA_REGISTRY_URL: registryUrl } = serverEnv();
    this.#server = createServer((request, response) => {
      void (async () => {
        const chunks = await request.toArray();
        if (request.url?.startsWith(`/schemas/ids/${LATE_SCHEMA}`) === true) {
          response.writeHead(this.known ? 200 : 404, { 'content-type': 'application/json' });
          const schema = JSON.stringify(schemaOf('inferences'));
          response.end(JSON.stringify(this.known ? { schema } : { error_code: 40403, message: 'not found' }));
          return;
        }
        const answer = await fetch(`${registryUrl}${request.url ?? ''}`, {
          method: request.method ?? 'GET',
          headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
          ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks as Buffer[]) }),
        });
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(await answer.text());
      })();
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.close();
  }
}

interface Listed {
  readonly total: number;
  readonly dead_letters: readonly {
    readonly id: string;
    readonly code: string;
    readonly redriven: boolean;
    readonly redrive_of: string | null;
  }[];
}

interface Redriven {
  readonly results: readonly {
    readonly id: string;
    readonly sending: string;
    readonly fate: string;
    readonly to: { readonly partition: number; readonly offset: string } | null;
  }[];
}

describe('dead letters', () => {
  const registry = new LateRegistry();
  let network: TestNetwork;

  beforeAll(async () => {
    const url = await registry.start();
    network = await TestNetwork.create({ SCHEMA_REGISTRY_URL: url, UNKNOWN_SCHEMA_WAIT_MS: '300' });
    await network.start('releases', 'inferences');
  });

  afterAll(async () => {
    await network.close();
    registry.stop();
  });

  async function backtrail(...args: readonly string[]) {
    const written = { out: '', err: '', code: EXIT.ok as number };
    try {
      await runProgram(args, {
        env: { BACKTRAIL_HOME: '/nonexistent/backtrail', ...network.env, USER: 'alice' },
        stdout: { write: (text) => (written.out += text) },
        stderr: { write: (text) => (written.err += text) },
        signal: new AbortController().signal,
        endWith: (code) => {
          written.code = code;
        },
      });
    } catch (error) {
      return { ...written, err: (error as Error).message, code: exitCodeOf(error) as number };
    }
    return written;
  }

  async function json<T>(...args: readonly string[]): Promise<T & { exit: number }> {
    const { out, err, code } = await backtrail(...args, '--json');
    if (out === '') throw new Error(err);
    return { ...(JSON.parse(out) as T), exit: code };
  }

  async function recordsOf(partition: number, from: string): Promise<LogRecord[]> {
    const found: LogRecord[] = [];
    const span = { topic: network.topic('inferences'), partition, from: BigInt(from), to: BigInt(from) + 1n };
    await scanLog(network.config.kafka, span, (record) => {
      found.push(record);
      return 'more';
    });
    return found;
  }

  let late = '';
  let poison = '';

  it('are listed with their reasons, and shown with what can be read of them', async () => {
    await network.send('releases', [traffic('t', START_MICROS, { v2: 10_000 })]);
    const value = Buffer.from(network.encode('inferences', inferenceRecord('late')));
    writeHeader(value, LATE_SCHEMA);
    const headers = [{ name: 'trace', value: Buffer.from([0xff, 1]) }];
    await network.sendRaw('inferences', [{ key: 'late', value, headers }]);
    const negative = network.encode('inferences', inferenceRecord('poison', { cost: '-1' }));
    await network.sendRaw('inferences', [{ key: 'poison', value: negative }]);
    await network.applied({ inferences: 2, releases: 1 });

    const listed = await json<Listed>('dlq', 'list');
    expect(listed.dead_letters.map(({ code }) => code).sort()).toEqual(['INVALID_AMOUNT', 'SCHEMA_UNKNOWN']);
    const byCode = await json<Listed>('dlq', 'list', '--code', 'SCHEMA_UNKNOWN', '--topic', 'inferences');
    late = byCode.dead_letters[0]?.id ?? '';
    poison = listed.dead_letters.find(({ id }) => id !== late)?.id ?? '';
    expect((await json<Listed>('dlq', 'list', '--since', '2100-01-01')).total).toBe(0);

    const short = late.replace(network.topic('inferences'), 'inferences');
    expect(await json('dlq', 'show', short)).toMatchObject({
      id: late,
      key: { text: 'late' },
      headers: [{ name: 'trace', base64: '/wE=', text: null }],
      value: { base64: value.toString('base64') },
      schema_id: LATE_SCHEMA,
      fields: null,
      now: { kind: 'waits' },
    });
    expect(await json('dlq', 'show', poison)).toMatchObject({
      fields: { inference_id: 'poison', cost: '-1' },
      wrong: { field: 'cost' },
      now: { kind: 'dead', code: 'INVALID_AMOUNT' },
    });
    expect((await backtrail('dlq', 'show', 'inferences/0/99999')).code).toBe(EXIT.usage);
  });

  it('are spared while they would come back, and say so beforehand', async () => {
    const dry = await json<Redriven>('dlq', 'redrive', '--all', '--dry-run');
    expect(dry).toMatchObject({ exit: EXIT.findings, results: [{ sending: 'spared' }, { sending: 'spared' }] });
    expect(await network.count('SELECT * FROM redrives')).toBe(0);
  });

  it('are applied once the schema is registered, as if they had come then', async () => {
    registry.known = true;
    const first = await json<Redriven>('dlq', 'redrive', '--code', 'SCHEMA_UNKNOWN');
    expect(first).toMatchObject({ exit: EXIT.ok, results: [{ id: late, sending: 'sent', fate: 'applied' }] });
    const served = await json('ask', 'served', 'late');
    expect(served).toMatchObject({ status: 'attributed', release: 'v2', phase: 'active' });
    const to = first.results[0]?.to ?? { partition: -1, offset: '0' };
    const [copy] = await recordsOf(to.partition, to.offset);
    expect(copy?.key?.toString()).toBe('late');
    expect(copy?.headers[0]).toEqual({ name: 'trace', value: Buffer.from([0xff, 1]) });
    expect(copy?.headers.slice(1).map(({ name }) => name)).toEqual(
      ['id', 'from', 'by', 'at'].map((name) => `backtrail.redriven.${name}`),
    );
    expect(await network.select('SELECT by, state, to_offset FROM redrives')).toEqual([
      { by: 'alice', state: 'SENT', to_offset: to.offset },
    ]);

    const second = await json<Redriven>('dlq', 'redrive', late);
    expect(second).toMatchObject({ exit: EXIT.ok, results: [{ sending: 'before', to, fate: 'applied' }] });
    const again = await json<Redriven>('dlq', 'redrive', late, '--again');
    expect(again).toMatchObject({ exit: EXIT.ok, results: [{ sending: 'sent', fate: 'duplicate' }] });
  });

  it('are dead again where nothing has changed: exit 3', async () => {
    const sent = await json<Redriven>('dlq', 'redrive', poison, '--by', 'bob');
    expect(sent).toMatchObject({ exit: EXIT.findings, results: [{ sending: 'sent', fate: 'dead' }] });
    const { dead_letters: letters } = await json<Listed>('dlq', 'list', '--code', 'INVALID_AMOUNT');
    expect(letters).toMatchObject([
      { id: poison, redriven: true, redrive_of: null },
      { redriven: false, redrive_of: poison },
    ]);
    // Neither the record nor its copy is sent another time.
    const all = await json<Redriven>('dlq', 'redrive', '--all', '--force');
    expect(all.exit).toBe(EXIT.findings);
    expect(all.results.map(({ sending, fate }) => `${sending} ${fate}`).sort()).toEqual([
      'before dead',
      'before dead',
      'before duplicate',
    ]);
  });

  it('are found in the log when a run was cut off before it said where they are', async () => {
    const topic = network.topic('inferences');
    const value = network.encode('inferences', inferenceRecord('cut-off', { cost: 'x' }));
    await network.sendRaw('inferences', [{ key: 'cut-off', value }]);
    const count = await network.count("SELECT * FROM progress WHERE service = 'inference'");
    expect(count).toBe(3);
    await network.applied({ inferences: 6 });
    const { dead_letters: letters } = await json<Listed>('dlq', 'list', '--code', 'INVALID_AMOUNT');
    const id = letters.at(-1)?.id ?? '';
    const [, partition = '', offset = ''] = id.split('/');
    const meant = { topic, partition: Number(partition), offset, step: 'INTENDED', by: 'carol', search_from: offset };
    const at = Date.now() - 3_600_000 / 2;
    await network.database.insert('redrive_rows', [
      { ...meant, redrive_id: 'one', at },
      { ...meant, redrive_id: 'two', at },
    ]);
    const headers = [{ name: REDRIVE_ID, value: Buffer.from('two') }];
    await network.sendRaw('inferences', [{ key: 'cut-off', value, headers, partition: Number(partition) }]);
    const found = await json<Redriven>('dlq', 'redrive', id);
    expect(found).toMatchObject({ exit: EXIT.findings, results: [{ sending: 'found', fate: 'dead' }] });
    const states = await network.select('SELECT redrive_id, state FROM redrives WHERE length(redrive_id) = 3');
    expect(states.sort((a, b) => (String(a['redrive_id']) < String(b['redrive_id']) ? -1 : 1))).toEqual([
      { redrive_id: 'one', state: 'NOT_SENT' },
      { redrive_id: 'two', state: 'SENT' },
    ]);
    const { out } = await backtrail('completeness');
    expect(out).not.toContain('missing:');
  });
});
