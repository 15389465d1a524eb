import { Kafka, type KafkaConfig as ClientConfig, type LogEntry, logLevel, type SASLOptions } from 'kafkajs';

import type { KafkaConfig } from '../config.js';
import { tlsOptions } from '../secret-files.js';
import { registerCodecs } from './codecs.js';
import { keepHeartbeats } from './heartbeats.js';
import { clampIdleTimer } from './idle-timer.js';
import { allowNullHeaders } from './null-headers.js';
import { quickenRecordNumbers } from './record-numbers.js';
import { Sockets } from './sockets.js';
import { beginAnswersAnew } from './whole-answers.js';

export type KafkaLogLevel = 'error' | 'warn' | 'info' | 'debug';
/** Gets what kafkajs has to say, one call a line. */
export type KafkaLog = (level: KafkaLogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;

export type KafkaSettings = Omit<KafkaConfig, 'topicPrefix'> & {
  /** Silent without one: errors reach the caller anyway. */
  readonly log?: KafkaLog;
};

const CONNECTION_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 30_000;
// Short: who calls knows how long it wants to wait, and says what it waits for.
const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 5 };

/** Close it by `closeClient`: kafkajs leaves sockets open. */
export type KafkaClient = Kafka & { readonly sockets: Sockets };

/** A client for these brokers, with every codec and without the idle timer. Connects to nothing yet. */
export function kafkaClient(settings: KafkaSettings): KafkaClient {
  registerCodecs();
  clampIdleTimer();
  keepHeartbeats();
  beginAnswersAnew();
  allowNullHeaders();
  quickenRecordNumbers();
  const { log } = settings;
  const sockets = new Sockets();
  const config: ClientConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    // Said outright, so that no variable of Node's makes it take any certificate.
    ssl: settings.ssl && { ...tlsOptions(settings.ssl), rejectUnauthorized: true },
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    socketFactory: sockets.factory,
    retry: RETRY,
    // kafkajs's own levels are not asked for less than INFO: its debug lines are built for every request.
    logLevel: log === undefined ? logLevel.NOTHING : logLevel.INFO,
    ...(settings.sasl === null ? {} : { sasl: settings.sasl as SASLOptions }),
    ...(log === undefined
      ? {}
      : {
          logCreator: () => (entry) => {
            forward(log, entry);
          },
        }),
  };
  return Object.assign(new Kafka(config), { sockets });
}

/** Disconnects what was made of a client, and ends what that leaves open. */
export async function closeClient(
  { sockets }: KafkaClient,
  ...made: readonly { disconnect(): Promise<void> }[]
): Promise<void> {
  try {
    await Promise.all(made.map((one) => one.disconnect()));
  } finally {
    sockets.end();
  }
}

function forward(log: KafkaLog, entry: LogEntry): void {
  const own = ['message', 'timestamp', 'logger'];
  const fields = Object.fromEntries(Object.entries(entry.log).filter(([name]) => !own.includes(name)));
  log(LEVEL_NAMES[entry.level], entry.log.message, { kafka: entry.namespace, ...fields });
}

const LEVEL_NAMES: Record<logLevel, KafkaLogLevel> = {
  [logLevel.NOTHING]: 'error',
  [logLevel.ERROR]: 'error',
  [logLevel.WARN]: 'warn',
  [logLevel.INFO]: 'info',
  [logLevel.DEBUG]: 'debug',
};
