import type { Trace } from '../../model/trace.ts';
import { findTraces, traceTotals } from '../../store/find-traces.ts';
import type { Queryable } from '../../store/queryable.ts';
import type { FeedSnapshot, Place, SearchOutcome, SearchRequest, TraceFeed } from '../../tui/feed.ts';
import { commandLinesOf, type QuestionOptions, searchOf, traceOf } from './questions.ts';

// Traces for the screen out of a database that does not change.

export interface DatabaseFeedOptions extends QuestionOptions {
  readonly title: string;
}

export class DatabaseFeed implements TraceFeed {
  readonly title: string;
  readonly isLive = false;
  readonly #database: Queryable;
  readonly #options: DatabaseFeedOptions;
  readonly #snapshot: FeedSnapshot;
  /** One question at a time: what a query selects is kept in a table of its connection. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(database: Queryable, options: DatabaseFeedOptions, snapshot: FeedSnapshot) {
    this.title = options.title;
    this.#database = database;
    this.#options = options;
    this.#snapshot = snapshot;
  }

  static async open(database: Queryable, options: DatabaseFeedOptions): Promise<DatabaseFeed> {
    const { traces: count, spans, failed } = await traceTotals(database, 'true');
    const { limit } = options;
    const newest = await findTraces(database, { where: 'true', order: 'start', ascending: false, limit });
    const counts = { traces: count, spans, failed };
    return new DatabaseFeed(database, options, { version: 0, traces: newest.reverse(), counts });
  }

  snapshot(): FeedSnapshot {
    return this.#snapshot;
  }

  subscribe(): () => void {
    return () => {};
  }

  loadTrace(traceId: string): Promise<Trace | undefined> {
    return this.#inTurn(() => traceOf(this.#database, traceId));
  }

  search(request: SearchRequest): Promise<SearchOutcome> {
    return this.#inTurn(() => searchOf(this.#database, request, this.#options));
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
