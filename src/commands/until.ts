import type { Database } from '../store/database.ts';
import type { Commit } from '../store/loader.ts';
import { narrowTo } from '../store/narrowing.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext, Option } from './command.ts';
import type { Ending } from './ending.ts';
import { readSearchQuery, type SearchQuery } from './query.ts';
import { select } from './selection.ts';

// The end of a command that receives, when something that a query looks for has come.

export const UNTIL: Option<string> = {
  flags: '--until <query>',
  description: "stop once a trace matches: --until '{ status = error }'",
  group: 'Input',
  parse: text => text,
};

/** Looks at what every commit brought. */
export class Until implements AsyncDisposable {
  readonly #query: SearchQuery;
  /** A connection of its own: what is stored is looked at beside who stores it. */
  readonly #reading: Database;
  readonly #ending: Pick<Ending, 'onMatch' | 'fail'>;
  /** The first span that was not looked at. */
  #from: number | undefined;
  #looking: Promise<void> | undefined;

  private constructor(query: SearchQuery, reading: Database, ending: Pick<Ending, 'onMatch' | 'fail'>) {
    this.#query = query;
    this.#reading = reading;
    this.#ending = ending;
  }

  /** Undefined where the option was not given. Throws `UserError` for a query that cannot be read. */
  static async open(context: CommandContext, store: Store, ending: Ending): Promise<Until | undefined> {
    const text = context.get(UNTIL);
    if (text === undefined) return undefined;
    const query = await readSearchQuery(context, text);
    return new Until(query, await store.database.connect(), ending);
  }

  onCommit({ firstSpanNo }: Commit): void {
    this.#from ??= firstSpanNo;
    this.#looking ??= this.#look().catch(error => this.#ending.fail(error));
  }

  async #look(): Promise<void> {
    while (this.#from !== undefined) {
      const from = this.#from;
      this.#from = undefined;
      if (!(await this.#matches(from))) continue;
      this.#ending.onMatch();
      return;
    }
    this.#looking = undefined;
  }

  async #matches(from: number): Promise<boolean> {
    const database = this.#reading;
    await narrowTo(database, from);
    const selection = await select(database, this.#query);
    return (await database.value(`SELECT count(*) FROM trace t WHERE ${selection.traces('t')}`)) !== 0n;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#from = undefined;
    await this.#looking;
    this.#reading.close();
  }
}
