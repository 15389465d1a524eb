import { createRequire } from 'node:module';

interface Connection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(this: Connection): Promise<unknown>;
}
interface ConnectionClass {
  readonly prototype: Connection;
}

const CONNECTION_MODULE = 'kafkajs/src/network/connection.js';
/** Each answer begins with its length. */
const LENGTH_BYTES = 4;
const begun = Symbol.for('backtrail.begunAnew');

/**
 * A connection that ended in the middle of an answer keeps the half of it, and kafkajs puts what comes over the next one behind
 * that: from then on nothing is understood, and every request waits until its time is over. So a connection begins with nothing.
 * Throws if kafkajs is no longer built like that.
 */
export function beginAnswersAnew(): void {
  const { prototype } = createRequire(import.meta.url)(CONNECTION_MODULE) as ConnectionClass;
  // Taken off its connection only to be called on one again.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const connect = prototype.connect as unknown;
  if (typeof connect !== 'function') {
    throw new Error('this version of kafkajs has another connection: see whether it forgets half an answer');
  }
  if (begun in connect) return;
  const original = connect as Connection['connect'];
  function connectAnew(this: Connection): Promise<unknown> {
    if (!this.isConnected()) [this.chunks, this.bytesBuffered, this.bytesNeeded] = [[], 0, LENGTH_BYTES];
    return original.call(this);
  }
  prototype.connect = Object.assign(connectAnew, { [begun]: true });
}
