import { Courier, type CourierParts } from './courier.js';

/**
 * Tells every receiver what becomes of alerts, until the signal aborts. Each has a sequence of its own. What was told is in
 * `alert_delivery_rows`: nothing that is known to be delivered is sent twice, also after a restart. What was sent and is not
 * known to have arrived is sent again, under the same idempotency key.
 *
 * Throws BacktrailError for what stops a service; receivers cannot stop it.
 */
export async function runDelivery(parts: CourierParts): Promise<void> {
  const failing = new AbortController();
  const signal = AbortSignal.any([parts.signal, failing.signal]);
  const couriers = parts.receivers.receivers.map(async (receiver) => {
    try {
      await new Courier(receiver, { ...parts, signal, retry: { ...parts.retry, signal } }).run();
    } catch (error) {
      if (signal.aborted) return;
      failing.abort();
      throw error;
    }
  });
  const ends = await Promise.allSettled(couriers);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
