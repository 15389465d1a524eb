import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(this: RequestQueue): void;
}
interface RequestQueueClass {
  readonly prototype: RequestQueue;
}

const QUEUE_MODULE = 'kafkajs/src/network/requestQueue/index.js';
const clamped = Symbol.for('backtrail.clampedIdleTimer');

/**
 * kafkajs checks for requests that wait, by a timer that arms itself again after 1 ms for ever, even when none waits
 * (issue #1751): 7 % of a core for each idle connection. A request that has to wait arms the timer by itself, so
 * nothing is lost by not arming it for an empty queue. Throws if kafkajs is no longer built like that.
 */
export function clampIdleTimer(): void {
  const { prototype } = createRequire(import.meta.url)(QUEUE_MODULE) as RequestQueueClass;
  // Taken off its queue only to be called on one again.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const schedule = prototype.scheduleCheckPendingRequests as unknown;
  if (typeof schedule !== 'function') {
    throw new Error(
      'this version of kafkajs has another request queue: see whether issue #1751 is still to be clamped',
    );
  }
  if (clamped in schedule) return;
  const original = schedule as RequestQueue['scheduleCheckPendingRequests'];
  function scheduleWhenNeeded(this: RequestQueue): void {
    if (this.pending.length > 0) original.call(this);
  }
  prototype.scheduleCheckPendingRequests = Object.assign(scheduleWhenNeeded, { [clamped]: true });
}
