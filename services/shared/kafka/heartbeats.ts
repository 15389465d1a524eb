import { now } from '../clock.js';
import { amendKafkajs } from './amend.js';

interface ConsumerGroup {
  /** When it last asked, by the clock of the machine. */
  lastRequest: number;
}

/**
 * kafkajs asks again when its last heartbeat is so long ago. After the clock was set back, that is not until it is as late again
 * as it was: the group would give the member up, again and again, for hours.
 */
export function keepHeartbeats(): void {
  amendKafkajs<ConsumerGroup, (this: ConsumerGroup, options: { readonly interval: number }) => Promise<void>>({
    module: 'consumer/consumerGroup.js',
    method: 'heartbeat',
    as: (original) =>
      function (this: ConsumerGroup, options): Promise<void> {
        if (this.lastRequest > now()) this.lastRequest = 0;
        return original.call(this, options);
      },
    see: 'whether its heartbeats mind the clock',
  });
}
