// When waiting spans arrived. Rows wait in the order in which they came, so a mark a batch is enough: its time, its number and
// the row at which it begins.

/** A batch as it arrived. */
export interface Arrival {
  /** Milliseconds of any clock that does not go back. */
  readonly time: number;
  /** Ascends from batch to batch. */
  readonly sequence: number;
}

interface Mark extends Arrival {
  row: number;
}

export class Arrivals {
  #marks: Mark[] = [];

  /** Notes that a batch begins at a row: the number of rows that wait before it. */
  add(arrival: Arrival, row: number): void {
    this.#marks.push({ ...arrival, row });
  }

  /** The first row that arrived at a time or later; `rowCount` where none did. */
  rowAt(time: number, rowCount: number): number {
    return this.#marks.find(mark => mark.time >= time)?.row ?? rowCount;
  }

  /** Of all rows only `rows` (ascending) are kept, and become rows 0, 1, 2 … */
  keep(rows: Uint32Array): void {
    const kept: Mark[] = [];
    let row = 0;
    for (const mark of this.#marks) {
      while (row < rows.length && rows[row]! < mark.row) row++;
      // A mark at the row of the one before has taken all that was left of it.
      if (kept.at(-1)?.row === row) kept.pop();
      kept.push({ ...mark, row });
    }
    if (kept.at(-1)?.row === rows.length) kept.pop();
    this.#marks = kept;
  }

  /** The number of the first batch of which rows wait; undefined where none do. */
  get oldest(): number | undefined {
    return this.#marks[0]?.sequence;
  }

  /** The time of the first batch of which rows wait. */
  get oldestTime(): number | undefined {
    return this.#marks[0]?.time;
  }
}
