import { hashWords } from './words.ts';

const NOTHING: Uint32Array = new Uint32Array(0);

/** The spans of a trace by their ids: an open-addressing table of places, in memory that is used again for the next trace. */
export class SpanIndex {
  #spanId = NOTHING;
  #members = NOTHING;
  /** Place + 1, 0 where empty. */
  #table = new Int32Array(128);
  #mask = 127;

  /** Begins with no span entered; the id of the one at a place are the two words of its row, `members[place]`, in `spanId`. */
  begin(spanId: Uint32Array, members: Uint32Array, size: number): void {
    this.#spanId = spanId;
    this.#members = members;
    let slots = 128;
    while (slots < size * 2) slots *= 2;
    this.#mask = slots - 1;
    if (slots > this.#table.length) this.#table = new Int32Array(slots);
    else this.#table.fill(0, 0, slots);
  }

  /** Lets go of the columns. */
  end(): void {
    this.#spanId = this.#members = NOTHING;
  }

  /** Enters an id and returns -1, or returns the place that has it already. Zero is no id to be found by. */
  enter(place: number, low: number, high: number): number {
    if ((low | high) === 0) return -1;
    const table = this.#table;
    const spanId = this.#spanId;
    let slot = hashWords(low, high) & this.#mask;
    for (;;) {
      const known = table[slot]! - 1;
      if (known < 0) {
        table[slot] = place + 1;
        return -1;
      }
      const at = this.#members[known]! * 2;
      if (spanId[at] === low && spanId[at + 1] === high) return known;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Has `place` stand for the id that `known` stood for. */
  replace(known: number, place: number): void {
    const at = this.#members[known]! * 2;
    const spanId = this.#spanId;
    let slot = hashWords(spanId[at]!, spanId[at + 1]!) & this.#mask;
    while (this.#table[slot] !== known + 1) slot = (slot + 1) & this.#mask;
    this.#table[slot] = place + 1;
  }

  /** Returns the place that has an id; -1 where none has. */
  find(low: number, high: number): number {
    const spanId = this.#spanId;
    let slot = hashWords(low, high) & this.#mask;
    for (;;) {
      const place = this.#table[slot]! - 1;
      if (place < 0) return -1;
      const at = this.#members[place]! * 2;
      if (spanId[at] === low && spanId[at + 1] === high) return place;
      slot = (slot + 1) & this.#mask;
    }
  }
}
