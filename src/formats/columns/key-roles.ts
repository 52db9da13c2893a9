import type { BatchWriter } from './batch-writer.ts';

/** What attribute keys mean to a decoder, as small numbers by key id; each key is classified once. */
export class KeyRoles {
  readonly #writer: BatchWriter;
  readonly #classify: (key: string) => number;
  #roles = new Uint8Array(256);
  #known = 0;

  /** `classify` gives a key's role, 0 for a key like any other. */
  constructor(writer: BatchWriter, classify: (key: string) => number) {
    this.#writer = writer;
    this.#classify = classify;
  }

  /** Returns the role of a key by its id. */
  of(key: number): number {
    if (key >= this.#known) this.#learn();
    return this.#roles[key]!;
  }

  #learn(): void {
    const { keys } = this.#writer;
    if (keys.length > this.#roles.length) {
      const larger = new Uint8Array(keys.length * 2);
      larger.set(this.#roles);
      this.#roles = larger;
    }
    for (; this.#known < keys.length; this.#known++) this.#roles[this.#known] = this.#classify(keys[this.#known]!);
  }
}
