import { UserError } from '../errors.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import { parseDuration } from '../model/time.ts';
import type { Received } from '../receive/receive-worker.ts';
import type { AnyOption, CommandContext, Option } from './command.ts';
import { wholeNumber } from './options.ts';

// What ends a command that goes on as long as it is let: a time, quiet, enough of it, or a signal.

/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

function milliseconds(name: string): (text: string) => number {
  return text => {
    const value = parseDuration(text);
    if (value === undefined) {
      throw new UserError(`${name} takes a duration, not '${text}'`, { hint: `for example ${name} 30s` });
    }
    const ms = Number(value) / 1e6;
    if (ms > LONGEST_MS) {
      throw new UserError(`${name} ${text} is too long`, { hint: 'leave it out; Ctrl-C ends the command, too' });
    }
    return ms;
  };
}

export const FOR: Option<number> = {
  flags: '--for <duration>',
  description: 'stop after this time, such as 30s',
  group: 'Input',
  parse: milliseconds('--for'),
};
export const UNTIL_IDLE: Option<number> = {
  flags: '--until-idle <duration>',
  description: 'stop when nothing has come for this long; counts from the first request on',
  group: 'Input',
  parse: milliseconds('--until-idle'),
};
const MAX_SPANS: Option<number> = {
  flags: '--max-spans <n>',
  description: 'stop once so many spans have come; the request that brings them is kept whole',
  group: 'Input',
  parse: wholeNumber('--max-spans', { least: 1 }),
};
const MAX_TRACES: Option<number> = {
  flags: '--max-traces <n>',
  description: 'stop once spans of so many traces have come',
  group: 'Input',
  parse: wholeNumber('--max-traces', { least: 1 }),
};
/** The options that name an end. */
export const ENDING_OPTIONS: readonly AnyOption[] = [FOR, UNTIL_IDLE, MAX_SPANS, MAX_TRACES];

/** What ended it. */
export type StoppedBy = 'for' | 'until-idle' | 'max-spans' | 'max-traces' | 'until' | 'quit' | 'signal';

/** Watches what comes for the end that the options name. */
export class Ending implements Disposable {
  readonly reached: Promise<StoppedBy>;
  readonly #end: (by: StoppedBy) => void;
  /** What watches for the end cannot go on. */
  readonly fail: (error: unknown) => void;
  readonly #maxSpans: number;
  readonly #maxTraces: number;
  readonly #idleMs: number | undefined;
  readonly #time: NodeJS.Timeout | undefined;
  #quiet: NodeJS.Timeout | undefined;
  #requests = 0;
  #spans = 0;
  readonly #traces = new Set<string>();
  readonly #signal: AbortSignal;
  readonly #onSignal = () => this.#end('signal');

  constructor(context: CommandContext) {
    const { promise, resolve, reject } = Promise.withResolvers<StoppedBy>();
    this.reached = promise;
    // It is awaited once all is under way; should it fail before, that is no unhandled rejection.
    promise.catch(() => {});
    this.#end = resolve;
    this.fail = reject;
    this.#maxSpans = context.get(MAX_SPANS) ?? Number.POSITIVE_INFINITY;
    this.#maxTraces = context.get(MAX_TRACES) ?? Number.POSITIVE_INFINITY;
    this.#idleMs = context.get(UNTIL_IDLE);
    const longest = context.get(FOR);
    this.#time = longest === undefined ? undefined : setTimeout(resolve, longest, 'for');
    this.#signal = context.signal;
    if (this.#signal.aborted) resolve('signal');
    this.#signal.addEventListener('abort', this.#onSignal);
  }

  /** The person who looked at it has left. */
  onQuit(): void {
    this.#end('quit');
  }

  /** What was looked for has come. */
  onMatch(): void {
    this.#end('until');
  }

  /** Takes what was received so far. */
  onReceived({ requests }: Pick<Received, 'requests'>): void {
    if (requests === this.#requests) return;
    this.#requests = requests;
    if (this.#quiet !== undefined) this.#quiet.refresh();
    else if (this.#idleMs !== undefined) this.#quiet = setTimeout(this.#end, this.#idleMs, 'until-idle');
  }

  /** Takes spans that were received. */
  onBatch({ spans: { count, traceId } }: SpanBatch): void {
    this.#spans += count;
    if (this.#spans >= this.#maxSpans) this.#end('max-spans');
    if (this.#maxTraces === Number.POSITIVE_INFINITY) return;
    for (let at = 0; at < count * 4; at += 4) this.#traces.add(traceId.subarray(at, at + 4).join(' '));
    if (this.#traces.size >= this.#maxTraces) this.#end('max-traces');
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#time);
    clearTimeout(this.#quiet);
    this.#signal.removeEventListener('abort', this.#onSignal);
  }
}
