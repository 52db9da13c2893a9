import type { ExitCode } from '../errors.ts';
import { UserError } from '../errors.ts';
import type { SearchRequest, TraceFeed } from './feed.ts';
import type { KeyPress } from './keys.ts';
import { type Effect, type Event, reduce, type Setting, type Start, type State, type Step, start } from './state.ts';

// What goes on between a person and the data, outside of React: holds the state, hands events to the reducer, and does what it asks
// for. A search is asked for one at a time and the last one wins; what is on the screen stays until its answer is there.

/** What a session can do to the terminal. */
export interface SessionTerminal {
  copy(text: string): void;
  /** Resolves when the program is in the foreground again. */
  suspend(): Promise<void>;
}

export class Session {
  readonly setting: Setting;
  readonly #feed: TraceFeed;
  readonly #terminal: SessionTerminal;
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  readonly #end = Promise.withResolvers<ExitCode>();
  #state: State;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #wanted: SearchRequest | undefined;
  #isSearching = false;
  #isSuspended = false;

  constructor(feed: TraceFeed, setting: Setting, terminal: SessionTerminal, begin: Omit<Start, 'feed'>) {
    this.#feed = feed;
    this.setting = setting;
    this.#terminal = terminal;
    // Who waits for the end comes later.
    this.#end.promise.catch(() => {});
    const first = start({ ...begin, feed: feed.snapshot() }, setting);
    this.#state = first.state;
    this.#unsubscribe = feed.subscribe(() => this.dispatch({ kind: 'feed', snapshot: feed.snapshot() }));
    for (const effect of first.effects) this.#perform(effect);
  }

  /** Resolves when a person quits; rejects when something fails that should not. */
  get ended(): Promise<ExitCode> {
    return this.#end.promise;
  }

  // Bound, because React holds on to them by their identity.

  readonly state = (): State => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  press(keys: readonly KeyPress[]): void {
    for (const key of keys) this.#take({ kind: 'key', key });
    this.#tell();
  }

  dispatch(event: Event): void {
    this.#take(event);
    this.#tell();
  }

  /** Ends the session from outside: a signal, or a failure elsewhere. */
  end(exitCode: ExitCode): void {
    this.#end.resolve(exitCode);
    this.close();
  }

  /** Lets go of the feed; nothing changes from here on. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  #take(event: Event): void {
    if (this.#isOver) return;
    const { state, effects }: Step = reduce(this.#state, event, this.setting);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'search':
        this.#wanted = effect.request;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#guard(this.#search()), effect.delayMs);
        return;
      case 'load':
        this.#guard(this.#load(effect.traceId));
        return;
      case 'copy':
        this.#terminal.copy(effect.text);
        return;
      case 'suspend':
        this.#guard(this.#suspend());
        return;
      case 'quit':
        this.end(effect.exitCode);
        return;
    }
  }

  async #search(): Promise<void> {
    if (this.#isSearching) return;
    this.#isSearching = true;
    try {
      for (let request = this.#takeWanted(); request !== undefined; request = this.#takeWanted()) {
        const outcome = await this.#feed.search(request);
        this.dispatch({ kind: 'answer', request, outcome });
      }
    } finally {
      this.#isSearching = false;
    }
  }

  #takeWanted(): SearchRequest | undefined {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    return wanted;
  }

  async #suspend(): Promise<void> {
    // A key that is held comes more than once.
    if (this.#isSuspended) return;
    this.#isSuspended = true;
    try {
      await this.#terminal.suspend();
    } finally {
      this.#isSuspended = false;
    }
  }

  async #load(traceId: string): Promise<void> {
    this.dispatch({ kind: 'loaded', traceId, trace: await this.#feed.loadTrace(traceId) });
  }

  /** What a person can do something about is said to them; anything else ends the session. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof UserError) this.dispatch({ kind: 'refusal', message: error.message });
      else {
        this.#end.reject(error);
        this.close();
      }
    });
  }
}
