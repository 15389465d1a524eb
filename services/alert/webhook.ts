import { now, timeLimit } from '../shared/clock.js';
import type { Receiver } from './receivers.js';

/** What came of one POST, by what the receiver answered. */
export type Answer =
  | { readonly kind: 'delivered' }
  /** It may be taken another time; not before `afterMs`, where the receiver said so. */
  | { readonly kind: 'again'; readonly why: string; readonly afterMs: number }
  /** It will not be taken, however often it is sent. */
  | { readonly kind: 'refused'; readonly why: string };

const REPLY_CHARACTERS_MAX = 200;
const REPLY_BYTES_MAX = 4_096;
const RETRY_AFTER_MAX_MS = 3_600_000;
/** Of the 4xx, those that speak of the moment and not of the message. */
const AGAIN = [408, 425, 429];

/** Sends one notification. Never throws; what was sent when the signal aborted may or may not have arrived. */
export async function post(
  { url, headers, timeoutMs }: Pick<Receiver, 'url' | 'headers' | 'timeoutMs'>,
  message: { readonly body: string; readonly idempotencyKey: string },
  signal: AbortSignal,
): Promise<Answer> {
  const limit = timeLimit(timeoutMs, signal);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'user-agent': 'backtrail',
        ...headers,
        'content-type': 'application/json',
        'idempotency-key': message.idempotencyKey,
      },
      body: message.body,
      redirect: 'manual',
      signal: limit.signal,
    });
    const said = without(await beginningOf(response), [url, ...Object.values(headers)]);
    const why = `status ${response.status}${said === '' ? '' : `: ${said}`}`;
    if (response.ok) return { kind: 'delivered' };
    if (response.status < 500 && !AGAIN.includes(response.status)) return { kind: 'refused', why };
    return { kind: 'again', why, afterMs: retryAfterMs(response.headers.get('retry-after')) };
  } catch (error) {
    const why = without(reasonOf(error, timeoutMs), [url, ...Object.values(headers)]);
    return { kind: 'again', why, afterMs: 0 };
  } finally {
    limit.end();
  }
}

/** Seconds or a date, as receivers say it; bounded, so that none of them can end its own deliveries by mistake. */
export function retryAfterMs(text: string | null): number {
  if (text === null) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS) : 0;
}

/** The status is known by then: a body that does not come changes nothing. */
async function beginningOf(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      bytes += (chunk as Uint8Array).length;
      if (bytes >= REPLY_BYTES_MAX) break;
    }
  } catch {
    // As much as came.
  }
  return text.replace(/\s+/g, ' ').trim().slice(0, REPLY_CHARACTERS_MAX);
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer in ${timeoutMs} ms`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message === '' ? ((cause as NodeJS.ErrnoException).code ?? error.message) : cause.message;
}

/** A receiver may say again what it was told: its address and headers are nobody else's business. */
function without(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret.length > 3).reduce((said, secret) => said.replaceAll(secret, '***'), text);
}
