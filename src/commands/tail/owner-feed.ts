import { defaultDatabase } from '../../config/paths.ts';
import { programVersion } from '../../config/version.ts';
import { Wake } from '../../ingest/wake.ts';
import type { Queryable } from '../../store/queryable.ts';
import { openServed } from '../../store/served/client.ts';
import type { CommandContext } from '../command.ts';
import { openData } from '../data.ts';
import type { Ending } from '../ending.ts';
import { DB } from '../options.ts';
import { shellWord } from '../shell.ts';
import type { CommitFeed } from './feed.ts';

/** How often the owner is asked. It commits what it has received for whoever asks. */
const POLL_MS = 400;

/** A database that another process has, and stores into: it is asked again and again. */
export class OwnerFeed implements CommitFeed {
  readonly isForgetting = false;
  readonly hasWaited = false;
  isEnded = false;
  readonly #context: CommandContext;
  readonly #path: string;
  readonly #ending: Ending;
  readonly #wake = new Wake();
  /** One state of the database. */
  #state: Queryable;
  #spanNo: unknown;
  #news = 0;

  private constructor(context: CommandContext, path: string, ending: Ending, state: Queryable) {
    this.#context = context;
    this.#path = path;
    this.#ending = ending;
    this.#state = state;
  }

  /** Begins to ask; undefined where no process answers. `begin` is called before, with what the database holds. */
  static async start(
    context: CommandContext,
    ending: Ending,
    begin: (database: Queryable) => Promise<void>,
  ): Promise<OwnerFeed | undefined> {
    const path = context.get(DB) ?? (await defaultDatabase(context.env));
    const state = await openServed(path, programVersion());
    if (state === undefined) return undefined;
    await begin(state);
    const feed = new OwnerFeed(context, path, ending, state);
    feed.#spanNo = await feed.#newestSpan();
    await context.say(`another process stores into ${path}; what it receives is shown`);
    return feed;
  }

  async poll(): Promise<void> {
    this.#state.close();
    this.#state = await this.#open();
    const newest = await this.#newestSpan();
    if (newest === this.#spanNo) return;
    this.#spanNo = newest;
    this.#ending.onReceived({ requests: ++this.#news });
  }

  async #open(): Promise<Queryable> {
    const state = await openServed(this.#path, programVersion());
    this.isEnded = state === undefined;
    // What it stored at its end is in the file.
    return state ?? (await openData({ ...this.#context, hasPipedInput: false }, [])).database;
  }

  async #newestSpan(): Promise<unknown> {
    return this.#state.value('SELECT max(first_span_no) FROM trace');
  }

  read<T>(work: (database: Queryable) => Promise<T>): Promise<T> {
    return work(this.#state);
  }

  /** On a state of its own: the one that `read` has is closed while it waits. */
  async ask<T>(question: (database: Queryable) => Promise<T>): Promise<T> {
    const state = await this.#open();
    try {
      return await question(state);
    } finally {
      state.close();
    }
  }

  get title(): string {
    return this.#path;
  }

  get sameData(): string {
    return ` --db ${shellWord(this.#path)}`;
  }

  async wait(longestMs: number, signal: AbortSignal): Promise<void> {
    // The owner cannot give space back that is still seen.
    this.#state.close();
    await this.#wake.wait(Math.min(longestMs, POLL_MS), signal);
  }

  async finish(): Promise<void> {
    if (!this.isEnded) await this.poll();
  }

  async tell(): Promise<void> {
    if (this.isEnded) await this.#context.say(`the process that had ${this.#path} has ended`);
  }

  async close(): Promise<void> {
    this.#state.close();
  }
}
