import { Kafka, logLevel } from 'kafkajs';

/** True when a broker answers about topics: its port is open long before it can. For brokers that ask for no password. */
export async function brokerAnswers(brokers: string, limitMs: number): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'backtrail-stack',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: limitMs,
    requestTimeout: limitMs,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.listTopics();
    return true;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
