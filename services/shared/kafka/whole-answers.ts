import { amendKafkajs } from './amend.js';

interface Connection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
}

/** Each answer begins with its length. */
const LENGTH_BYTES = 4;

/**
 * A connection that ended in the middle of an answer keeps the half of it, and kafkajs puts what comes over the next one behind
 * that: from then on nothing is understood, and every request waits until its time is over. So a connection begins with nothing.
 */
export function beginAnswersAnew(): void {
  amendKafkajs<Connection, (this: Connection) => Promise<unknown>>({
    module: 'network/connection.js',
    method: 'connect',
    as: (original) =>
      function (this: Connection): Promise<unknown> {
        if (!this.isConnected()) [this.chunks, this.bytesBuffered, this.bytesNeeded] = [[], 0, LENGTH_BYTES];
        return original.call(this);
      },
    see: 'whether it forgets half an answer',
  });
}
