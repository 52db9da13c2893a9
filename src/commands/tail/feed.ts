import type { Database } from '../../store/database.ts';
import type { Queryable } from '../../store/queryable.ts';

// Where the traces of `tail` come from: receivers of its own, another process that has the database, or files that grow.

/** Something that stores traces while it is looked at. */
export interface CommitFeed {
  /** Brings in and commits what has come, as far as the feed does not do so by itself. */
  poll(): Promise<void>;
  /** Has all that `work` asks answered from one state of the database. Temporary tables do not outlast it. */
  read<T>(work: (database: Queryable) => Promise<T>): Promise<T>;
  /** Has a question answered that is not about what is new, beside `read`. */
  ask<T>(question: (database: Queryable) => Promise<T>): Promise<T>;
  /** What it shows, in a few words: `otlp 127.0.0.1:4318`, `app.log`. As it was written, so that it is not harmless on a terminal. */
  readonly title: string;
  /** What behind a command makes it read the same data; undefined where nothing does. */
  readonly sameData: string | undefined;
  /** All that was committed is about to go, but for what is committed from now on: it must be looked at first. */
  readonly isForgetting: boolean;
  /** What is not complete is stored once it has waited for its rest, unless somebody else wants to see it. */
  readonly hasWaited: boolean;
  /** Nothing more can come. */
  readonly isEnded: boolean;
  /** Resolves when something may have come, after so many milliseconds at the latest, and when the signal is given. Rejects where storing failed. */
  wait(longestMs: number, signal: AbortSignal): Promise<void>;
  /** Takes no more, and commits what has come. It can still be read. */
  finish(): Promise<void>;
  /** Says what came, once it is finished. */
  tell(): Promise<void>;
  /** Closes what is open, finished or not. What was acknowledged to a sender is kept. */
  close(): Promise<void>;
}

/** Has a connection that is opened for it answer a question from one state of the database. */
export async function askBeside<T>(owner: Database, question: (database: Queryable) => Promise<T>): Promise<T> {
  const connection = await owner.connect();
  try {
    return await inSnapshot(connection, question);
  } finally {
    connection.close();
  }
}

/** Has a connection of one's own answer from one state of the database. */
export async function inSnapshot<T>(database: Queryable, work: (database: Queryable) => Promise<T>): Promise<T> {
  await database.run('BEGIN TRANSACTION');
  try {
    return await work(database);
  } finally {
    // What it made was temporary.
    await database.run('ROLLBACK');
  }
}
