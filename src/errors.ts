// What may go wrong, said to a person: one sentence, one hint, one exit code.

/**
 * The exit codes of every command.
 *
 * `ok` the work is done · `no` the answer is "no" (a check failed; `--exit-status` and nothing matched) ·
 * `trouble` it could not be done, or not wholly · `interrupted`, `terminated` a signal ended it (128 + number).
 */
export const ExitCode = { ok: 0, no: 1, trouble: 2, interrupted: 130, terminated: 143 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A failure whose message is meant for the user: lower case, no full stop, no stack; `hint` says what to do next. */
export class UserError extends Error {
  readonly hint: string | undefined;
  /** Lines to be shown below the message as they are: a piece of what was written, with a mark where the fault is. */
  readonly excerpt: readonly string[];
  /** What a program can read of it where the answer would have been JSON. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(message: string, options: UserErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint;
    this.excerpt = options.excerpt ?? [];
    this.details = options.details;
  }
}

interface UserErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly excerpt?: readonly string[];
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Ends a command about whose failure everything has been said. */
export class ToldError extends Error {}
