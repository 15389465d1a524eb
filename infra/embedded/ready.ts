import { createConnection } from 'node:net';
import { brokerAnswers } from '../../services/shared/kafka/broker-answers.js';

const PROBE_LIMIT_MS = 2000;

export async function kafkaAnswers(brokers: string): Promise<boolean> {
  return brokerAnswers(brokers, PROBE_LIMIT_MS);
}

/** True when the address answers with a success; a server in front that asks for a password counts as there. */
export async function httpAnswers(url: string, accept: (status: number) => boolean = isSuccess): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    await response.arrayBuffer();
    return accept(response.status);
  } catch {
    return false;
  }
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Whatever it says, it is not frozen. */
export function anyStatus(): boolean {
  return true;
}

export function isThere(status: number): boolean {
  return status < 500;
}

/** Is anything listening there? All that can be asked of a broker whose password is not ours to know. */
export async function tcpAnswers(address: string): Promise<boolean> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: Number(address.slice(colon + 1)), timeout: PROBE_LIMIT_MS });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => {
      end(true);
    });
    socket.once('error', () => {
      end(false);
    });
    socket.once('timeout', () => {
      end(false);
    });
  });
}
