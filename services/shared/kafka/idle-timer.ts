import { amendKafkajs } from './amend.js';

interface RequestQueue {
  readonly pending: readonly unknown[];
}

/**
 * kafkajs checks for requests that wait, by a timer that arms itself again after 1 ms for ever, even when none waits
 * (issue #1751): 7 % of a core for each idle connection. A request that has to wait arms the timer by itself, so
 * nothing is lost by not arming it for an empty queue.
 */
export function clampIdleTimer(): void {
  amendKafkajs<RequestQueue, (this: RequestQueue) => void>({
    module: 'network/requestQueue/index.js',
    method: 'scheduleCheckPendingRequests',
    as: (original) =>
      function (this: RequestQueue): void {
        if (this.pending.length > 0) original.call(this);
      },
    see: 'whether issue #1751 is still to be clamped',
  });
}
