import { type ByteSource, copyBytes, equalBytes, hashBytes, SLACK } from './bytes.ts';

// Attributes by the bytes in which a format writes them, key and value in one: the hottest structure of the way in, with
// 6 to 12 look-ups a span. What is found here need not be parsed.
//
// Direct-mapped, one slot a hash, and small enough for a processor's cache. The bytes themselves are kept in a ring and
// always compared, never only their hashes. Positions in the ring only ever rise, so that a slot knows whether its bytes have
// been overwritten; a forgotten attribute is parsed again.

const SLOTS = 1 << 14;
/** Words of a slot: hash, position + 1 (0 = empty), key id, value id. */
const SLOT = 4;
const RING = 1 << 21;
const RING_MASK = RING - 1;
/** Longer attributes are not worth a place. */
const LONGEST = 2048;
const LAST_POSITION = 0x7000_0000;

/** Which way of writing an attribute the bytes are in; equal bytes mean different things in different forms. */
export const AttributeForm = { otlpProto: 1, otlpJson: 2 } as const;

export class AttributeCache {
  /** Key and value of the attribute found last. */
  key = 0;
  value = 0;
  readonly #slots = new Int32Array(SLOTS * SLOT);
  #ring: Uint8Array | undefined;
  #ringView: DataView = new DataView(new ArrayBuffer(SLACK));
  #top = 0;
  #hash = 0;

  /** Looks an attribute up; where it is found, `key` and `value` are its ids. */
  find(form: number, source: ByteSource, from: number, to: number): boolean {
    const hash = hashBytes(source.view, from, to, form);
    this.#hash = hash;
    const slots = this.#slots;
    const at = (hash & (SLOTS - 1)) * SLOT;
    if (slots[at] !== hash) return false;
    const position = slots[at + 1]! - 1;
    if (position < 0 || this.#top - position >= RING) return false;
    const place = position & RING_MASK;
    const length = to - from;
    if (
      this.#ringView.getInt32(place, true) !== ((length << 3) | form) ||
      !equalBytes(this.#ringView, place + 4, source.view, from, length)
    ) {
      return false;
    }
    this.key = slots[at + 2]!;
    this.value = slots[at + 3]!;
    return true;
  }

  /** Remembers what the bytes mean that `find` was asked for last. */
  remember(form: number, source: ByteSource, from: number, to: number, key: number, value: number): void {
    const length = to - from;
    if (length > LONGEST) return;
    // Made with room for one more attribute behind its end: bytes are written whole past the mask.
    if (this.#ring === undefined) {
      this.#ring = new Uint8Array(RING + LONGEST + 4 + SLACK);
      this.#ringView = new DataView(this.#ring.buffer);
    }
    if (this.#top >= LAST_POSITION) {
      this.#slots.fill(0);
      this.#top = 0;
    }
    const position = this.#top;
    const place = position & RING_MASK;
    this.#ringView.setInt32(place, (length << 3) | form, true);
    copyBytes(source.bytes, from, to, this.#ring, place + 4);
    this.#top = (position + 4 + length + 3) & ~3;
    const at = (this.#hash & (SLOTS - 1)) * SLOT;
    this.#slots[at] = this.#hash;
    this.#slots[at + 1] = position + 1;
    this.#slots[at + 2] = key;
    this.#slots[at + 3] = value;
  }
}
