import { createRequire } from 'node:module';

type Method<T> = (this: T, ...args: never[]) => unknown;

/** A method of a class that kafkajs keeps to itself, and what takes its place. */
interface Amendment<T, M extends Method<T>> {
  /** Of kafkajs, with its folder. */
  readonly module: string;
  readonly method: string;
  /** The new method, from the one there was. */
  readonly as: (original: M) => M;
  /** What is to be looked at should kafkajs no longer be built like that. */
  readonly see: string;
}

const done = new WeakSet<object>();

/** Mends what kafkajs does wrong and nobody can say from outside. May be called again; throws if there is no such method. */
export function amendKafkajs<T, M extends Method<T>>({ module, method, as, see }: Amendment<T, M>): void {
  const { prototype } = createRequire(import.meta.url)(`kafkajs/src/${module}`) as {
    prototype: Record<string, unknown>;
  };
  const original = prototype[method];
  if (typeof original !== 'function')
    throw new Error(`this version of kafkajs has no ${method} in ${module}: see ${see}`);
  if (done.has(original)) return;
  const amended = as(original as unknown as M);
  done.add(amended);
  prototype[method] = amended;
}
