import { createRequire } from 'node:module';

import { now } from '../clock.js';

interface ConsumerGroup {
  /** When it last asked, by the clock of the machine. */
  lastRequest: number;
  heartbeat(this: ConsumerGroup, options: { readonly interval: number }): Promise<void>;
}
interface ConsumerGroupClass {
  readonly prototype: ConsumerGroup;
}

const GROUP_MODULE = 'kafkajs/src/consumer/consumerGroup.js';
const kept = Symbol.for('backtrail.keptHeartbeats');

/**
 * kafkajs asks again when its last heartbeat is so long ago. After the clock was set back, that is not until it is as late again
 * as it was: the group would give the member up, again and again, for hours. Throws if kafkajs is no longer built like that.
 */
export function keepHeartbeats(): void {
  const { prototype } = createRequire(import.meta.url)(GROUP_MODULE) as ConsumerGroupClass;
  // Taken off its group only to be called on one again.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const heartbeat = prototype.heartbeat as unknown;
  if (typeof heartbeat !== 'function') {
    throw new Error('this version of kafkajs has another consumer group: see whether its heartbeats mind the clock');
  }
  if (kept in heartbeat) return;
  const original = heartbeat as ConsumerGroup['heartbeat'];
  function heartbeatWhenDue(this: ConsumerGroup, options: { readonly interval: number }): Promise<void> {
    if (this.lastRequest > now()) this.lastRequest = 0;
    return original.call(this, options);
  }
  prototype.heartbeat = Object.assign(heartbeatWhenDue, { [kept]: true });
}
