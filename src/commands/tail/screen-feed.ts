import type { Trace } from '../../model/trace.ts';
import type { TraceSummary } from '../../store/find-traces.ts';
import { monotonicMs } from '../../terminal/clock.ts';
import { glyphs } from '../../terminal/glyphs.ts';
import { sanitize } from '../../terminal/sanitize.ts';
import type { FeedSnapshot, Place, SearchOutcome, SearchRequest, TraceFeed } from '../../tui/feed.ts';
import { LiveStore } from '../../tui/live-store.ts';
import type { CommandContext } from '../command.ts';
import { SEMCONV, STRICT_TRACEQL } from '../options.ts';
import { commandLinesOf, type QuestionOptions, searchOf, traceOf } from '../tui/questions.ts';
import type { CommitFeed } from './feed.ts';
import type { Printer } from './printer.ts';
import type { Page } from './trace-watch.ts';

// Pages of traces onto the screen as they come, and its questions to where they are stored.

/** Traces that are listed at the most. */
const LISTED = 10_000;
/** Traces of which it is remembered that they failed, so that one that grows counts once. */
const MOST_FAILED = 100_000;
/** The rate is that of so long. */
const RATE_MS = 5000;
const RATE_CHANGES_MS = 1000;

export class ScreenFeed implements TraceFeed, Printer {
  readonly title: string;
  readonly isLive = true;
  readonly #feed: CommitFeed;
  readonly #options: QuestionOptions;
  readonly #store = new LiveStore(LISTED);
  readonly #failed = new Set<string>();
  /** Spans that came, with the time at which they did. */
  #recent: { readonly at: number; readonly spans: number }[] = [];
  #traces = 0;
  #spans = 0;
  #failedCount = 0;
  #slowing: NodeJS.Timeout | undefined;
  /** One question at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(feed: CommitFeed, context: CommandContext) {
    const { unicode } = context.screen;
    this.#feed = feed;
    this.#options = {
      limit: LISTED,
      sameData: feed.sameData,
      isStrict: context.get(STRICT_TRACEQL) === true,
      withSpellings: context.get(SEMCONV) === true,
    };
    this.title = `tail ${glyphs(unicode).dot} ${sanitize(feed.title, unicode)}`;
  }

  async begin(): Promise<void> {}

  async check(): Promise<void> {}

  async print({ traces }: Page): Promise<void> {
    let came = 0;
    for (const { trace, grownBy } of traces) {
      if (grownBy === undefined) this.#traces++;
      came += grownBy ?? trace.spanCount;
      if (trace.errorCount === 0 || this.#failed.has(trace.traceId)) continue;
      this.#failed.add(trace.traceId);
      this.#failedCount++;
      const [oldest] = this.#failed;
      if (this.#failed.size > MOST_FAILED && oldest !== undefined) this.#failed.delete(oldest);
    }
    this.#spans += came;
    this.#recent.push({ at: monotonicMs(), spans: came });
    this.#tell(traces.map(({ trace }) => trace));
  }

  #tell(traces: readonly TraceSummary[]): void {
    const from = monotonicMs() - RATE_MS;
    this.#recent = this.#recent.filter(({ at }) => at > from);
    const spansPerSecond = (this.#recent.reduce((sum, { spans }) => sum + spans, 0) * 1000) / RATE_MS;
    this.#store.add(traces, { traces: this.#traces, spans: this.#spans, failed: this.#failedCount, spansPerSecond });
    clearTimeout(this.#slowing);
    // The rate falls while nothing comes, too. When it is nought, nothing changes any more.
    if (spansPerSecond > 0) this.#slowing = setTimeout(() => this.#tell([]), RATE_CHANGES_MS).unref();
  }

  snapshot(): FeedSnapshot {
    return this.#store.snapshot();
  }

  subscribe(listener: () => void): () => void {
    return this.#store.subscribe(listener);
  }

  loadTrace(traceId: string): Promise<Trace | undefined> {
    return this.#inTurn(() => this.#feed.ask(database => traceOf(database, traceId)));
  }

  search(request: SearchRequest): Promise<SearchOutcome> {
    return this.#inTurn(() => this.#feed.ask(database => searchOf(database, request, this.#options)));
  }

  commandLines(place: Place): readonly string[] {
    return commandLinesOf(place, this.#options);
  }

  #inTurn<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#turn.then(ask);
    this.#turn = answer.catch(() => {});
    return answer;
  }
}
