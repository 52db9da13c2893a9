import type { OperationDefinition } from '../../model/span-batch.ts';
import { OperationTable } from './operation-table.ts';

const MAX_OPERATIONS = 1 << 18;
const MAX_HELD_OPERATIONS = 1 << 16;
const RELEASED_BITS = 13;

/** While spans are held, a scope of this number or more stands for one that is not known yet. */
export const PROVISIONAL = 0x4000_0000;

/**
 * Ids of operations: of those that are defined, and of those of spans that are held back because their service is not known yet, which
 * become others when it is (`BatchWriter.hold`). Both tables are bounded caches: past its limit one begins anew, with ids that go on.
 */
export class Operations {
  readonly #define: (definition: OperationDefinition) => void;
  readonly #defined = new OperationTable();
  /** Operations defined before the table was last emptied. */
  #base = 0;
  /** Operations without a service: theirs is 0. */
  readonly #held = new OperationTable();
  #heldFrom = 0;
  /** What held operations became: service, id while held, id + 1. One slot a pair, so it may forget. */
  readonly #released = new Uint32Array((1 << RELEASED_BITS) * 3);

  /** `define` is told of each new one, in the order of their ids. */
  constructor(define: (definition: OperationDefinition) => void) {
    this.#define = define;
  }

  idOf(service: number, name: number, kind: number, scope: number, flags: number, quirks: number): number {
    const known = this.#defined.definitions.length;
    const id = this.#defined.idOf(service, name, kind, scope, flags, quirks);
    if (id === known) {
      this.#define(this.#defined.definitions[id]!);
      if (known >= MAX_OPERATIONS) {
        this.#defined.clear();
        this.#base += known + 1;
        return this.#base - 1;
      }
    }
    return this.#base + id;
  }

  /** The first id that held operations may have now; it changes when earlier ones are forgotten. */
  get heldFrom(): number {
    return this.#heldFrom;
  }

  /** Sees to it that there is room for operations that are held. None may be. */
  beginHold(): void {
    if (this.#held.definitions.length < MAX_HELD_OPERATIONS) return;
    this.#heldFrom += this.#held.definitions.length;
    this.#held.clear();
  }

  /** Id of an operation without a service, until `releasedIdOf` replaces it. */
  heldIdOf(name: number, kind: number, scope: number, flags: number, quirks: number): number {
    return this.#heldFrom + this.#held.idOf(0, name, kind, scope, flags, quirks);
  }

  /** Id of the operation of a service that a held one becomes; `scopes[n]` is the scope that was `PROVISIONAL + n`. */
  releasedIdOf(service: number, held: number, scopes: readonly number[]): number {
    const released = this.#released;
    const at = ((Math.imul(held, 0x9e3779b1) ^ Math.imul(service, 0x85ebca6b)) >>> (32 - RELEASED_BITS)) * 3;
    if (released[at] === service && released[at + 1] === held && released[at + 2] !== 0) return released[at + 2]! - 1;
    const { name, kind, scope, flags, quirks } = this.#held.definitions[held - this.#heldFrom]!;
    if (scope >= PROVISIONAL) return this.idOf(service, name, kind, scopes[scope - PROVISIONAL]!, flags, quirks);
    const id = this.idOf(service, name, kind, scope, flags, quirks);
    released[at] = service;
    released[at + 1] = held;
    released[at + 2] = id + 1;
    return id;
  }
}
