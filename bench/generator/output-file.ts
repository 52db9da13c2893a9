// A file that is written from front to back. Writes block: a generator has nothing better to do, and blocking bounds the
// memory it needs.

import { closeSync, openSync, writeSync } from 'node:fs';

const TEXT_BEFORE_WRITE = 1 << 20;

export class OutputFile {
  readonly #descriptor: number;
  #texts: string[] = [];
  #textLength = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
  }

  writeText(text: string): void {
    this.#texts.push(text);
    this.#textLength += text.length;
    if (this.#textLength >= TEXT_BEFORE_WRITE) this.#flushText();
  }

  /** Writes bytes; the caller may reuse them afterwards. */
  writeBytes(bytes: Uint8Array): void {
    this.#flushText();
    this.#write(bytes);
  }

  close(): void {
    this.#flushText();
    closeSync(this.#descriptor);
  }

  #flushText(): void {
    if (this.#texts.length === 0) return;
    this.#write(Buffer.from(this.#texts.join('')));
    this.#texts = [];
    this.#textLength = 0;
  }

  #write(bytes: Uint8Array): void {
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#descriptor, bytes, written);
    }
  }
}
