import type { Terminal } from '../../terminal/interactive.ts';
import type { CommandContext } from '../command.ts';
import type { Ending } from '../ending.ts';
import type { CommitFeed } from './feed.ts';
import type { Printer } from './printer.ts';
import { ScreenFeed } from './screen-feed.ts';

// `tail` on the interactive screen instead of as lines.

/** A context whose sentences wait while the screen is open: they would be written across it. */
export class HeldContext {
  readonly context: CommandContext;
  #waiting: (() => Promise<void>)[] | undefined;

  constructor(context: CommandContext) {
    const later = (speak: () => Promise<void>): Promise<void> => {
      if (this.#waiting === undefined) return speak();
      this.#waiting.push(speak);
      return Promise.resolve();
    };
    this.context = {
      ...context,
      say: sentence => later(() => context.say(sentence)),
      complain: (message, hint) => later(() => context.complain(message, hint)),
      get hasComplained() {
        return context.hasComplained;
      },
    };
  }

  hold(): void {
    this.#waiting ??= [];
  }

  async release(): Promise<void> {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const speak of waiting) await speak();
  }
}

/** Has `show` print onto the screen, until it is done or the person quits, which is told to `ending`. */
export async function onScreen(
  held: HeldContext,
  terminal: Terminal,
  feed: CommitFeed,
  ending: Ending,
  show: (printer: Printer) => Promise<void>,
): Promise<void> {
  const { context } = held;
  const { screen, env, signal } = context;
  const screenFeed = new ScreenFeed(feed, context);
  const { loadForProduction } = await import('../../terminal/interactive.ts');
  const { openTui } = await loadForProduction(() => import('../../tui/app.tsx'));
  const closing = new AbortController();
  held.hold();
  const open = openTui({
    feed: screenFeed,
    terminal,
    screen,
    isReadAloud: env.INK_SCREEN_READER === 'true',
    query: '',
    order: { field: 'arrival', ascending: true },
    traceId: undefined,
    signal: AbortSignal.any([signal, closing.signal]),
  });
  // Its failure is met below.
  open.then(
    () => ending.onQuit(),
    () => ending.onQuit(),
  );
  try {
    await show(screenFeed);
  } finally {
    closing.abort();
    const { handedOff } = await open.finally(() => held.release());
    for (const line of handedOff) await screen.stdout.write(`${line}\n`);
  }
}
