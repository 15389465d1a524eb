/** Something about the embedded stack that the person at the terminal can put right: the message says what to do. */
export class StackError extends Error {
  override readonly name = 'StackError';
  /** 2 when what was asked for is wrong (a port that is none), else 1. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
