import { BacktrailError, ERRORS } from '../shared/errors.js';
import { withoutUsers } from '../shared/redact.js';

/** Exit codes of SPEC 11. */
export const EXIT = { ok: 0, failure: 1, usage: 2, findings: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a sentence for the user and an exit code, without a stack. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** A wrong argument or unreadable input: exit 2. */
export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message);
}

/** Which exit code an error stands for. Errors of shared code may carry `exitCode` themselves (bad input is 2). */
export function exitCodeOf(error: unknown): ExitCode {
  const code = error instanceof Error && 'exitCode' in error ? error.exitCode : undefined;
  return Object.values(EXIT).find((known) => known === code) ?? EXIT.failure;
}

/** What to tell the user. What a server or a socket says is not enough without who it was: the sentence of its code. */
export function sentenceOf(error: unknown): string {
  const message = withoutUsers(error instanceof Error ? error.message : String(error));
  if (!(error instanceof BacktrailError) || !/^(KAFKA|REGISTRY|CLICKHOUSE|QUESTION|ARCHIVE)_/.test(error.code))
    return message;
  const { sentence } = ERRORS[error.code];
  return message === sentence ? message : `${sentence} (${message})`;
}
