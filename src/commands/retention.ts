import type { Session } from '../receive/session.ts';
import type { Database } from '../store/database.ts';
import type { Store } from '../store/store.ts';
import { monotonicMs } from '../terminal/clock.ts';
import type { CommandContext } from './command.ts';
import { KEEP, MAX_SIZE, retentionLimits } from './options.ts';

// What is received is kept no longer, and takes no more room, than the options say.

/** How often it is looked whether something must go. */
const LOOK_MS = 2000;
/** Looking for what is too old costs a look at all traces. */
const AGE_LOOK_MS = 60_000;

export function hasRetention(context: CommandContext): boolean {
  return context.get(KEEP) !== undefined || context.get(MAX_SIZE) !== undefined;
}

export class Retention {
  readonly #context: CommandContext;
  readonly #store: Store;
  readonly #session: Session;
  /** Looks beside who stores. */
  readonly #reading: Database;
  readonly #timer: NodeJS.Timeout;
  #lookedAtAge = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  private constructor(context: CommandContext, store: Store, session: Session, reading: Database) {
    this.#context = context;
    this.#store = store;
    this.#session = session;
    this.#reading = reading;
    this.#timer = setInterval(() => this.#onTime(), LOOK_MS);
  }

  static async begin(context: CommandContext, store: Store, session: Session): Promise<Retention> {
    return new Retention(context, store, session, await store.database.connect());
  }

  #onTime(): void {
    // A failure of the session is told by it.
    this.#looking ??= this.#look()
      .catch(() => {})
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const { isPruningDue, prune } = await import('../store/retention.ts');
    const { endedBefore, maxBytes } = retentionLimits(this.#context);
    const now = monotonicMs();
    const looksAtAge = now - this.#lookedAtAge >= AGE_LOOK_MS;
    if (looksAtAge) this.#lookedAtAge = now;
    const limits = { maxBytes, ...(looksAtAge ? { endedBefore } : {}) };
    if (!(await isPruningDue(this.#reading, limits))) return;
    await this.#session.betweenTransactions(() => prune(this.#store.database, limits));
  }

  /** Ends it; what it does is done then. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    this.#reading.close();
  }
}
