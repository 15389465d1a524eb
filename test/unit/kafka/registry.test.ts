import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { valueDecoder } from '../../../services/shared/kafka/decode.js';
import { registryAddress, schemaSource } from '../../../services/shared/kafka/registry.js';
import { registryRest } from '../../../services/shared/kafka/registry-rest.js';
import { schemaOf } from '../../../services/shared/kafka/schema-file.js';
import { encodeWith, examples } from './fixtures.js';

/** A registry that does what a test says, for what a real one cannot be made to do. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];

async function standIn(answer: Answer): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/apis/ccompat/v7`;
}

function json(status: number, body: object): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

const avroAnswer = json(200, { schema: JSON.stringify(schemaOf('proofs')) });

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe('the registry', () => {
  it('is asked below the path of its URL, once for each id', async () => {
    const asked: string[] = [];
    const url = await standIn((request, response) => {
      asked.push(request.url ?? '');
      avroAnswer(request, response);
    });
    const source = schemaSource(`${url}/`);
    expect(await source.writerSchema(3)).toMatchObject({ kind: 'avro' });
    expect(await source.writerSchema(3)).toMatchObject({ kind: 'avro' });
    expect(asked).toEqual(['/apis/ccompat/v7/schemas/ids/3']);
  });

  it('gets the user and password of its URL', async () => {
    const seen: (string | undefined)[] = [];
    const url = await standIn((request, response) => {
      seen.push(request.headers.authorization);
      avroAnswer(request, response);
    });
    const withUser = url.replace('//', '//reader:p%40ss@');
    await schemaSource(withUser).writerSchema(1);
    await registryRest(withUser).compatibility('s');
    const basic = `Basic ${Buffer.from('reader:p@ss').toString('base64')}`;
    expect(seen).toEqual([basic, basic]);
    expect(registryAddress(withUser)).toEqual({ url, auth: { username: 'reader', password: 'p@ss' }, ca: null });
  });

  const faults: [string, Answer, string][] = [
    ['does not know the id yet', json(404, { error_code: 40403, message: 'Schema not found' }), 'unknown'],
    ['fails', json(500, { message: 'no disk' }), 'unreachable'],
    ['wants a password', json(401, { message: 'who are you' }), 'unreachable'],
    ['hangs up', (request) => request.socket.destroy(), 'unreachable'],
    ['never answers', () => undefined, 'unreachable'],
    ['is hidden by a page', (_request, response) => response.end('<html>log in</html>'), 'unreachable'],
    ['has a schema that is not Avro', json(200, { schemaType: 'JSON', schema: '{"type":"object"}' }), 'unusable'],
    ['has a schema of a kind nobody knows', json(200, { schemaType: 'THRIFT', schema: 'x' }), 'unusable'],
    ['has Avro that is broken', json(200, { schema: '{"type":"record","name":"X"}' }), 'unusable'],
    ['has Avro that is no JSON', json(200, { schema: '{' }), 'unusable'],
  ];
  it.each(faults)('that %s is waited for, or its schema is refused', async (_name, answer, kind) => {
    const url = await standIn(answer);
    const found = await schemaSource(url, 200).writerSchema(5);
    expect(found).toMatchObject({ kind, reason: expect.stringContaining('schema 5') as string });
  });

  it('that is not there is waited for', async () => {
    expect(await schemaSource('http://127.0.0.1:1/x').writerSchema(5)).toMatchObject({ kind: 'unreachable' });
    await expect(registryRest('http://127.0.0.1:1/x').compatibility('s')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('that comes back gives the records that waited', async () => {
    let away = true;
    const url = await standIn((request, response) => {
      (away ? json(503, { message: 'starting' }) : avroAnswer)(request, response);
    });
    const decoder = valueDecoder('proofs', schemaSource(url));
    const [proof] = examples('proofs');
    const value = encodeWith(schemaOf('proofs'), 5, proof);
    await decoder.prepare([value]);
    expect(decoder.decode(value)).toMatchObject({
      wait: { reason: expect.stringContaining('starting') as string, answered: false },
    });
    away = false;
    await decoder.prepare([value]);
    expect(decoder.decode(value)).toEqual({ ok: proof });
  });

  it('that refuses a setting is told from one that is broken', async () => {
    const refusing = registryRest(await standIn(json(422, { message: 'read only' })));
    await expect(refusing.setCompatibility('s', 'BACKWARD')).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    const broken = registryRest(await standIn(json(503, { message: 'starting' })));
    await expect(broken.setCompatibility('s', 'BACKWARD')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('gives the text of a schema with all that it refers to, each behind what it refers to itself', async () => {
    const refer = (...subjects: string[]) => subjects.map((subject) => ({ name: subject, subject, version: 1 }));
    const answers: Record<string, object> = {
      '/schemas/ids/4': { schema: 'top', references: refer('a', 'b') },
      '/subjects/a/versions/1': { schema: 'of a', references: refer('c') },
      '/subjects/b/versions/1': { schema: 'of b', references: refer('c') },
      '/subjects/c/versions/1': { schema: 'of c' },
      '/schemas/ids/5': { schema: 'message A {}', schemaType: 'PROTOBUF' },
    };
    const url = await standIn((request, response) => {
      const answer = answers[(request.url ?? '').replace('/apis/ccompat/v7', '')];
      json(answer === undefined ? 404 : 200, answer ?? { error_code: 40403 })(request, response);
    });
    const rest = registryRest(url);
    expect(await rest.schemaText(4)).toEqual({ type: 'AVRO', schema: 'top', references: ['of c', 'of a', 'of b'] });
    expect(await rest.schemaText(5)).toEqual({ type: 'PROTOBUF', schema: 'message A {}', references: [] });
    expect(await rest.schemaText(6)).toBeNull();
  });

  it.each([
    ['a page with the status 404', 404, '<html>not here</html>'],
    ['a page', 200, '<html>log in</html>'],
    ['something else', 200, '{"hello":"world"}'],
    ['an outage', 503, '{}'],
  ])('that is hidden by %s has no say about a schema', async (_what, status, body) => {
    const url = await standIn((_request, response) => response.writeHead(status).end(body));
    await expect(registryRest(url).schemaText(4)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });
});
