import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

import { stackHome } from '../../infra/embedded/home.js';
import { javaProgram } from '../../infra/embedded/java.js';
import type { S3Config } from '../../services/shared/config.js';

const POM = join(import.meta.dirname, 's3-server.pom.xml');
const START_MAX_MS = 60_000;
const BUCKET = 'backup';
const CREDENTIALS = { accessKeyId: 'tests', secretAccessKey: 'a secret of the tests' };

/** A server that speaks S3's protocol, checks signatures, and knows conditions. */
export interface S3Server {
  readonly bucket: string;
  readonly config: S3Config;
  /** As a command is told it. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts one on a free port of this machine, with an empty bucket. */
export async function startS3(): Promise<S3Server> {
  const jars = await fetchedJars();
  const folder = mkdtempSync(join(tmpdir(), 'backtrail-s3-'));
  const memory = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const logging = `-Dlogback.configurationFile=${written(folder, 'logback.xml', LOGBACK)}`;
  const main = [
    '-cp',
    join(jars, '*'),
    'org.gaul.s3proxy.Main',
    '--properties',
    written(folder, 'conf', settingsIn(folder)),
  ];
  const server = spawn(javaProgram(process.env), [...memory, logging, ...main], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async (): Promise<void> => {
    if (server.exitCode === null) {
      server.kill('SIGKILL');
      await once(server, 'close');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const endpoint = `http://127.0.0.1:${await portOf(server)}`;
    const config = { endpoint, region: 'us-east-1', forcePathStyle: true, credentials: CREDENTIALS };
    const client = new S3Client(config);
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    client.destroy();
    const env = {
      ARCHIVE_S3_ENDPOINT: endpoint,
      ARCHIVE_S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    };
    return { bucket: BUCKET, config, env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const LOGBACK = `<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%msg%n</pattern></encoder></appender>
  <root level="INFO"><appender-ref ref="out" /></root>
</configuration>`;

function settingsIn(folder: string): string {
  mkdirSync(join(folder, 'data'));
  return [
    's3proxy.endpoint=http://127.0.0.1:0',
    's3proxy.authorization=aws-v4',
    `s3proxy.identity=${CREDENTIALS.accessKeyId}`,
    `s3proxy.credential=${CREDENTIALS.secretAccessKey}`,
    'jclouds.provider=filesystem-nio2',
    `jclouds.filesystem.basedir=${join(folder, 'data')}`,
    'jclouds.identity=none',
    'jclouds.credential=none',
  ].join('\n');
}

function written(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** What it prints when it listens: `Started ...ServerConnector@...{HTTP/1.1, (http/1.1)}{127.0.0.1:38599}`. */
async function portOf(server: ChildProcess): Promise<string> {
  let printed = '';
  return new Promise<string>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        const port = /Started .*ServerConnector@.*\{127\.0\.0\.1:(\d+)\}/.exec(printed)?.[1];
        if (port !== undefined) resolve(port);
      });
    }
    server.once('close', () => {
      reject(new Error(`S3Proxy ended: ${printed.slice(-1_000)}`));
    });
    AbortSignal.timeout(START_MAX_MS).addEventListener('abort', () => {
      reject(new Error(`S3Proxy did not start: ${printed.slice(-1_000)}`));
    });
  });
}

/** From Maven Central, once, beside the jars of the embedded stack; all of them or none. */
async function fetchedJars(): Promise<string> {
  const { libRoot } = stackHome(process.env);
  const folder = join(libRoot, `s3-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(libRoot, { recursive: true });
  const temporary = mkdtempSync(join(libRoot, '.s3-'));
  try {
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${temporary}`];
    await promisify(execFile)('mvn', ['-B', '-q', '-f', POM, ...copy]);
    // Another process may have been faster.
    if (!existsSync(folder)) renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}
