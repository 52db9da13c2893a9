/** The input is not whole or not sound; the message is a clause that follows its name. What was read before is good. */
export class SourceDamage extends Error {
  /** What the user can do. */
  readonly hint: string | undefined;

  constructor(message: string, { hint, ...options }: ErrorOptions & { readonly hint?: string } = {}) {
    super(message, options);
    this.hint = hint;
  }
}
