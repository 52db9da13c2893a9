import type { BatchWriter } from '../columns/batch-writer.ts';
import type { DecodeContext } from '../format.ts';
import type { Reason } from '../reasons.ts';
import { type JsonCursor, JsonKind } from './cursor.ts';
import type { IdReader } from './ids.ts';

/** What readers of spans in JSON do about values that are not as they should be, and say of them. */
export class Mending {
  readonly #writer: BatchWriter;
  readonly #report: DecodeContext['report'];
  readonly #offsetOf: (position: number) => number;
  /** Whether something was mended since this was last set to false. */
  hasMended = false;

  constructor({ writer, report }: DecodeContext, offsetOf: (position: number) => number) {
    this.#writer = writer;
    this.#report = report;
    this.#offsetOf = offsetOf;
  }

  /** Says that what stands at a position was mended. */
  tell(reason: Reason, position: number, detail: string): void {
    this.hasMended = true;
    this.#report.repair(reason, this.#offsetOf(position), detail);
  }

  /** Passes over a value that is not of a type that it may have; null stands for none. */
  passOver(cursor: JsonCursor, what: string): void {
    if (cursor.kind() !== JsonKind.null) this.tell('unexpected-type', cursor.position, what);
    cursor.skipValue();
  }

  /** Keeps an id that had to be replaced by a hash, of the span that begins at a position, as an attribute: it stays to be seen. */
  keepOriginal({ original }: IdReader, position: number, key: number): void {
    this.tell('invented-id', position, original);
    this.#writer.addAttribute(key, this.#writer.value(key, original));
  }
}
