import type { Duplex } from 'node:stream';
import type { SqlParameter } from '../queryable.ts';

// What a process that reads and the one that has the database say to each other: frames of a length, a kind and a body.
//
//   reader  hello ─────────────────────► ask | run | sql … cancel
//   owner          hello ─ ready | error ─► columns, chunk | rows …, end | error
//
// The frames of the hello keep their form in all versions, so that any two can tell each other which they are. A reader asks one thing
// at a time.

/** Rises with any change of what follows the hello. */
export const PROTOCOL_VERSION = 1;

/** Kinds of frames. All bodies are JSON but those of `chunk`. */
export const Kind = {
  hello: 0,
  ready: 1,
  error: 2,
  /** A statement whose rows are wanted. */
  ask: 3,
  /** Statements whose rows are not. */
  run: 4,
  /** SQL of the user's. */
  sql: 5,
  /** The rest of the rows is not wanted. */
  cancel: 6,
  /** Names of the columns of what follows; of a user's SQL with their types. */
  columns: 7,
  chunk: 8,
  /** Rows of a user's SQL. */
  rows: 9,
  end: 10,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Frame {
  readonly kind: number;
  /** Begins at a multiple of 8 bytes of its buffer. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The first frame of both sides. */
export interface Hello {
  readonly protocol: number;
  /** Of tailspan. */
  readonly version: string;
  /** The process that says it. */
  readonly pid: number;
  /** Where a reader's relative names of files begin. */
  readonly folder?: string;
}

/** A failure as it goes over. */
export interface SentError {
  readonly message: string;
  /** Set where the message is for the user. */
  readonly isForUser: boolean;
  readonly hint?: string;
}

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SentParameter[];
}

/** A parameter as JSON holds it exactly. */
type SentParameter =
  | { readonly text: string }
  | { readonly integer: string }
  | { readonly double: string }
  | { readonly boolean: boolean }
  | null;

export function sentParameter(parameter: SqlParameter): SentParameter {
  switch (typeof parameter) {
    case 'string':
      return { text: parameter };
    case 'bigint':
      return { integer: String(parameter) };
    case 'number':
      return { double: String(parameter) };
    case 'boolean':
      return { boolean: parameter };
    default:
      return null;
  }
}

export function parameterOf(sent: SentParameter): SqlParameter {
  if (sent === null) return undefined;
  if ('text' in sent) return sent.text;
  if ('integer' in sent) return BigInt(sent.integer);
  return 'double' in sent ? Number(sent.double) : sent.boolean;
}

export const HEADER_BYTES = 8;
/** A hello holds no more than the name of a folder; who says more first does not speak this protocol. */
export const HELLO_BYTES = 32 << 10;
/** The longest statement: lists of a hundred thousand ids are a few MiB. */
export const REQUEST_BYTES = 64 << 20;
/** The most that comes back at once: 2,048 rows, of any length. */
export const ANSWER_BYTES = 1 << 30;

/** A frame with a body of JSON. */
export function jsonFrame(kind: Kind, body: unknown): Uint8Array {
  const text = JSON.stringify(body);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(text));
  bytes.write(text, HEADER_BYTES);
  writeHeader(bytes, kind);
  return bytes;
}

/** Writes the header of a frame whose body is there. */
export function writeHeader(frame: Uint8Array, kind: Kind): void {
  const header = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES);
  header.setUint32(0, frame.length - HEADER_BYTES, true);
  header.setUint32(4, kind, true);
}

/** The body of a frame as JSON. Throws `BadFrame` where it is none. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch (error) {
    throw new BadFrame('a frame holds no JSON', { cause: error });
  }
}

/** What came does not follow the protocol. */
export class BadFrame extends Error {}

/** Cuts what a stream brings into frames. */
export class FrameReader {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #body: Uint8Array<ArrayBuffer> | undefined;
  #bodyBytes = 0;
  #limit = HELLO_BYTES;
  readonly #onFrame: (frame: Frame) => void;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** From now on a body may be so long. */
  allow(bodyBytes: number): void {
    this.#limit = bodyBytes;
  }

  /** Takes what came. Throws `BadFrame` where it claims more than is allowed. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#body === undefined) {
        const taken = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length - at);
        this.#header.set(bytes.subarray(at, at + taken), this.#headerBytes);
        this.#headerBytes += taken;
        at += taken;
        if (this.#headerBytes < HEADER_BYTES) return;
        const length = this.#header.readUInt32LE(0);
        if (length > this.#limit) throw new BadFrame(`a frame of ${length} bytes is longer than ${this.#limit}`);
        // What is claimed is not taken for granted: memory grows with what has come.
        this.#body = new Uint8Array(Math.min(length, FIRST_BYTES));
        this.#bodyBytes = 0;
      }
      const length = this.#header.readUInt32LE(0);
      const taken = Math.min(length - this.#bodyBytes, bytes.length - at);
      if (this.#bodyBytes + taken > this.#body.length) {
        const larger = new Uint8Array(Math.min(length, Math.max(2 * this.#body.length, this.#bodyBytes + taken)));
        larger.set(this.#body.subarray(0, this.#bodyBytes));
        this.#body = larger;
      }
      this.#body.set(bytes.subarray(at, at + taken), this.#bodyBytes);
      this.#bodyBytes += taken;
      at += taken;
      if (this.#bodyBytes < length) return;
      this.#finish(this.#body);
    }
  }

  #finish(body: Uint8Array<ArrayBuffer>): void {
    this.#body = undefined;
    this.#headerBytes = 0;
    this.#onFrame({ kind: this.#header.readUInt32LE(4), body });
  }
}

const FIRST_BYTES = 1 << 18;

/**
 * Waits until a stream takes more. Returns false where it has been closed, or takes nothing for `stallMs`, after which it is
 * closed.
 */
export async function drained(stream: Duplex, stallMs: number): Promise<boolean> {
  if (stream.destroyed) return false;
  if (!stream.writableNeedDrain) return true;
  return new Promise(resolve => {
    const settle = (isOpen: boolean) => {
      clearTimeout(stalled);
      stream.off('drain', onDrain).off('close', onClose);
      resolve(isOpen);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const stalled = setTimeout(() => stream.destroy(), stallMs);
    stream.on('drain', onDrain).on('close', onClose);
  });
}
