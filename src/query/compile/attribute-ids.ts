// Most conditions on attributes are passed by a handful of dictionary entries. DuckDB filters spans by ids that stand in the statement in
// a third of the time that it takes to join them with a query of the ids, so they are asked for before (docs/performance.md).

/** More ids than this are left to a query in the statement. */
const MOST_IDS = 5000;

/** Queries of ids that a compilation would like to know the answer of, and the answers. */
export class AttributeIds {
  readonly #answers = new Map<string, readonly number[] | undefined>();

  /** The ids that a query gives; undefined where that is not known, or where there are too many. */
  of(sql: string): readonly number[] | undefined {
    if (!this.#answers.has(sql)) this.#answers.set(sql, undefined);
    return this.#answers.get(sql);
  }

  /** Asks whatever was wanted. */
  async answer(ask: (sql: string) => Promise<readonly number[]>): Promise<void> {
    for (const sql of this.#answers.keys()) {
      const ids = await ask(`${sql} LIMIT ${MOST_IDS + 1}`);
      if (ids.length <= MOST_IDS) this.#answers.set(sql, ids);
    }
  }
}
