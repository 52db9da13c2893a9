import type { OperationDefinition } from '../../model/span-batch.ts';

/** Operations by what they consist of: an open-addressing table over six integers; ids count from 0. */
export class OperationTable {
  readonly definitions: OperationDefinition[] = [];
  #mask = 255;
  /** Id + 1, 0 where empty. */
  #slots = new Int32Array(256);

  idOf(service: number, name: number, kind: number, scope: number, flags: number, quirks: number): number {
    let slot = hashOperation(service, name, kind, scope, flags, quirks) & this.#mask;
    for (;;) {
      const id = this.#slots[slot]! - 1;
      if (id < 0) return this.#add({ serviceName: service, name, kind, scope, flags, quirks }, slot);
      const known = this.definitions[id]!;
      if (
        known.name === name &&
        known.serviceName === service &&
        known.kind === kind &&
        known.scope === scope &&
        known.flags === flags &&
        known.quirks === quirks
      ) {
        return id;
      }
      slot = (slot + 1) & this.#mask;
    }
  }

  clear(): void {
    this.definitions.length = 0;
    if (this.#slots.length > 4096) {
      this.#mask = 255;
      this.#slots = new Int32Array(256);
    } else this.#slots.fill(0);
  }

  #add(definition: OperationDefinition, slot: number): number {
    const id = this.definitions.push(definition) - 1;
    this.#slots[slot] = id + 1;
    if (this.definitions.length * 2 > this.#mask) {
      this.#mask = this.#mask * 2 + 1;
      this.#slots = new Int32Array(this.#mask + 1);
      for (const [known, { serviceName, name, kind, scope, flags, quirks }] of this.definitions.entries()) {
        let place = hashOperation(serviceName, name, kind, scope, flags, quirks) & this.#mask;
        while (this.#slots[place] !== 0) place = (place + 1) & this.#mask;
        this.#slots[place] = known + 1;
      }
    }
    return id;
  }
}

function hashOperation(
  service: number,
  name: number,
  kind: number,
  scope: number,
  flags: number,
  quirks: number,
): number {
  let hash = Math.imul(name, 0x9e3779b1) ^ Math.imul((service << 8) ^ scope, 0x85ebca6b);
  hash ^= Math.imul((kind << 24) ^ (quirks << 16) ^ flags, 0xc2b2ae35);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
