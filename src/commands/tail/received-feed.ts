import { describeAccount } from '../../ingest/describe-account.ts';
import { Wake } from '../../ingest/wake.ts';
import type { SessionEnd } from '../../receive/session.ts';
import type { Database } from '../../store/database.ts';
import type { Queryable } from '../../store/queryable.ts';
import type { Store } from '../../store/store.ts';
import type { CommandContext } from '../command.ts';
import type { Ending } from '../ending.ts';
import { type Receiving, startReceiving } from '../receiving.ts';
import { shellWord } from '../shell.ts';
import { askBeside, type CommitFeed, inSnapshot } from './feed.ts';

/** A complete trace is shown when nothing more came to it for this long: its parts come from several processes. */
const SETTLE_MS = 300;

/** Receivers of `tail`'s own, into a database that it owns. */
export class ReceivedFeed implements CommitFeed {
  readonly isForgetting = false;
  readonly hasWaited = true;
  readonly isEnded = false;
  readonly #context: CommandContext;
  readonly #store: Store;
  /** What is stored is looked at beside who stores it: with its own transactions, and temporary tables of the names of real ones. */
  readonly #reading: Database;
  readonly #receiving: Receiving;
  readonly #wake: Wake;
  #failure: { readonly error: unknown } | undefined;
  #end: SessionEnd | undefined;

  private constructor(context: CommandContext, store: Store, reading: Database, receiving: Receiving, wake: Wake) {
    this.#context = context;
    this.#store = store;
    this.#reading = reading;
    this.#receiving = receiving;
    this.#wake = wake;
    // Once and not at every wait: what never settles would remember each of them.
    receiving.failed.catch(error => {
      this.#failure = { error };
      wake.call();
    });
  }

  /** Starts the receivers. `begin` is called before, with what the database holds. */
  static async start(
    context: CommandContext,
    store: Store,
    ending: Ending,
    begin: (database: Queryable) => Promise<void>,
  ): Promise<ReceivedFeed> {
    const reading = await store.database.connect();
    try {
      await inSnapshot(reading, begin);
      const wake = new Wake();
      const receiving = await startReceiving(
        context,
        store,
        { onCommit: () => wake.call(), onReceived: received => ending.onReceived(received) },
        { settleMs: SETTLE_MS },
      );
      return new ReceivedFeed(context, store, reading, receiving, wake);
    } catch (error) {
      reading.close();
      throw error;
    }
  }

  /** The session commits by itself. */
  async poll(): Promise<void> {}

  read<T>(work: (database: Queryable) => Promise<T>): Promise<T> {
    return inSnapshot(this.#reading, work);
  }

  ask<T>(question: (database: Queryable) => Promise<T>): Promise<T> {
    return askBeside(this.#store.database, question);
  }

  get title(): string {
    const { receivers } = this.#receiving;
    return receivers.map(({ name, endpoint }) => `${name} ${endpoint.replace(/^\w+:\/\//, '')}`).join(', ');
  }

  get sameData(): string | undefined {
    const { path } = this.#store.database;
    return path === ':memory:' ? undefined : ` --db ${shellWord(path)}`;
  }

  async wait(longestMs: number, signal: AbortSignal): Promise<void> {
    await this.#wake.wait(longestMs, signal);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async finish(): Promise<void> {
    this.#end = await this.#receiving.stop();
  }

  async tell(): Promise<void> {
    if (this.#end === undefined) return;
    const { account, result } = this.#end;
    await this.#context.say(describeAccount('received', [{ account, result }], result.traces));
  }

  async close(): Promise<void> {
    if (this.#end === undefined) await this.#receiving.abort().catch(() => {});
    await this.#receiving.close();
    this.#reading.close();
    this.#store.close();
  }
}
