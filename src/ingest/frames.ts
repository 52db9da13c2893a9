import type { DecodeReport } from '../formats/format.ts';
import { BINARY_FORMATS } from '../formats/index.ts';
import { isCompressed } from './compression.ts';
import { type Line, Lines } from './lines.ts';

// Messages one after the other, each with its length before it or on a line of its own:
//   00 00 04 d2 0a …     the length as 32 bits, big endian: the Collector's file exporter
//   00 00 00 04 d2 0a …  a flag ("compressed") and such a length: the body of a gRPC call
//   d2 09 0a …           the length as a varint: writeDelimitedTo of Java, C++ and Go
//   CqgBCj…              base64, a message a line: logs, queues, functions
//   CqgBCj…\nOZxkA…      base64 in lines of one width, the last of a message shorter: MIME (76), PEM and openssl (64)
// Each message may be compressed by itself.

/** What is done with a message; it is only valid during the call. `offset` is its first byte in the source. */
type OnMessage = (message: Uint8Array, offset: number) => Promise<void>;

interface Sink {
  push(chunk: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

interface FramingOptions {
  readonly report: DecodeReport;
  /** Largest message, in bytes. */
  readonly recordBytes: number;
  readonly onMessage: OnMessage;
}

/** How the length of a message is written. */
export interface Framing {
  readonly title: string;
  /** Header of the frame at `at` and length of its message; undefined where `bytes` end inside the header, null where it is none. */
  header(
    bytes: Uint8Array,
    at: number,
    end: number,
  ): { readonly size: number; readonly length: number } | undefined | null;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 2 ** 24 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

const LENGTH_32: Framing = {
  title: 'frames behind 32-bit lengths',
  header: (bytes, at, end) => (end - at < 4 ? undefined : { size: 4, length: uint32(bytes, at) }),
};

const GRPC: Framing = {
  title: 'gRPC frames',
  header(bytes, at, end) {
    if (end - at < 5) return undefined;
    return (bytes[at] ?? 0) > 1 ? null : { size: 5, length: uint32(bytes, at + 1) };
  },
};

/** Lengths of 2^31 and more do not occur: five bytes hold them all. */
const VARINT: Framing = {
  title: 'frames behind varint lengths',
  header(bytes, at, end) {
    let length = 0;
    for (let size = 1; size <= 5; size++) {
      if (at + size > end) return undefined;
      const byte = bytes[at + size - 1] ?? 0;
      length += (byte & 127) * 128 ** (size - 1);
      if (byte < 128) return { size, length };
    }
    return null;
  },
};

const FRAMINGS: readonly Framing[] = [LENGTH_32, GRPC, VARINT];
/** Field 1 of a protobuf message, as OTLP's and Zipkin's begin. */
const PROTOBUF = 0x0a;
/** Longer messages than protobuf's own limit do not occur. */
const MAX_LENGTH = 2 ** 31;

/**
 * Returns the framing of a stream that begins with `head`; undefined where there is none. The first frame must hold a
 * message, and every other one that begins in the head what looks like one.
 */
export function framingOf(head: Uint8Array, limit: number): Framing | undefined {
  // Anything may begin like a varint, so that behind one only the message itself tells.
  const found = FRAMINGS.find(
    framing => framesIn(framing, head, limit, framing === VARINT ? isProtobuf : isMessage) > 0,
  );
  if (found !== undefined) return found;
  // The first message may be broken, where more of them follow.
  return framesIn(LENGTH_32, head, limit, isPlausible) > 1 ? LENGTH_32 : undefined;
}

/** Counts the frames that begin in the head; 0 where one of them is none. `test` is for the first message. */
function framesIn(framing: Framing, head: Uint8Array, limit: number, test: Test): number {
  let frames = 0;
  for (let at = 0; at < head.length; frames++) {
    const header = framing.header(head, at, head.length);
    if (header === undefined) break;
    // Another one than the first may be over the limit.
    if (header === null || header.length > (frames === 0 ? limit : MAX_LENGTH)) return 0;
    const message = head.subarray(at + header.size, at + header.size + header.length);
    if (frames === 0 && (message.length === 0 || !test(message, message.length === header.length))) return 0;
    if (message.length > 0 && !isPlausible(message)) return 0;
    at += header.size + header.length;
  }
  return frames;
}

type Test = (message: Uint8Array, isWhole: boolean) => boolean;

/** Begins as a message does: with OTLP's first field, as JSON, or as compressed data. */
function isPlausible(message: Uint8Array): boolean {
  return message[0] === PROTOBUF || message[0] === 123 || message[0] === 91 || isCompressed(message);
}

function isProtobuf(message: Uint8Array, isWhole: boolean): boolean {
  return message[0] === PROTOBUF && BINARY_FORMATS.some(format => format.sniff(message, isWhole));
}

function isMessage(message: Uint8Array, isWhole: boolean): boolean {
  return message[0] === PROTOBUF ? isProtobuf(message, isWhole) : isPlausible(message);
}

/** Takes frames apart. */
export function frames(framing: Framing, { report, recordBytes, onMessage }: FramingOptions): Sink {
  // A frame that began in an earlier chunk, header and all.
  let begun = Buffer.allocUnsafeSlow(64);
  let length = 0;
  let toSkip = 0;
  let offset = 0;
  let isBroken = false;
  const keep = (bytes: Uint8Array) => {
    if (length + bytes.length > begun.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(begun.length * 2, length + bytes.length));
      larger.set(begun.subarray(0, length));
      begun = larger;
    }
    begun.set(bytes, length);
    length += bytes.length;
  };
  /** Reads the header of the frame at hand; passes over the frame, or gives up, where it is not to be read. */
  const headerAt = (bytes: Uint8Array, at: number, end: number) => {
    const header = framing.header(bytes, at, end);
    if (header === null) {
      report.skip('malformed-protobuf', offset, 'not the header of a frame');
      isBroken = true;
      length = 0;
      return undefined;
    }
    if (header !== undefined && header.length > recordBytes) {
      report.skip('record-too-large', offset, `a frame of ${header.length} bytes`);
      toSkip = header.size + header.length;
      return undefined;
    }
    return header;
  };
  return {
    push: async chunk => {
      let at = 0;
      while (at < chunk.length && !isBroken) {
        if (toSkip > 0) {
          const skipped = Math.min(toSkip, chunk.length - at);
          toSkip -= skipped;
          offset += skipped;
          at += skipped;
        } else if (length > 0) {
          if (framing.header(begun, 0, length) === undefined) {
            keep(chunk.subarray(at, at + 1));
            at++;
          }
          const header = headerAt(begun, 0, length);
          if (header === undefined) {
            if (toSkip === 0) continue;
            toSkip -= length;
            offset += length;
            length = 0;
            continue;
          }
          const part = chunk.subarray(at, at + header.size + header.length - length);
          keep(part);
          at += part.length;
          if (length < header.size + header.length) return;
          await onMessage(begun.subarray(header.size, length), offset + header.size);
          offset += length;
          length = 0;
        } else {
          const header = headerAt(chunk, at, chunk.length);
          if (isBroken || toSkip > 0) continue;
          const end = header === undefined ? undefined : at + header.size + header.length;
          if (header === undefined || end === undefined || end > chunk.length) {
            keep(chunk.subarray(at));
            return;
          }
          await onMessage(chunk.subarray(at + header.size, end), offset + header.size);
          offset += end - at;
          at = end;
        }
      }
    },
    end: async () => {
      if (length > 0 || toSkip > 0) report.skip('truncated', offset, 'the input ends inside a frame');
    },
  };
}

const BASE64 = /^[A-Za-z0-9+/_-]{16,}={0,2}$/;
const BASE64_PART = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Says whether the first lines of a stream are messages in base64: each line all of a message. */
export function isBase64Lines(head: Uint8Array, isWhole: boolean): boolean {
  const { whole, cut } = linesOf(head, isWhole);
  const filled = whole.filter(line => line !== '');
  if (filled.length === 0) {
    // The first line is longer than what is there of it.
    return cut !== undefined && BASE64.test(cut) && isMessageText(cut.slice(0, cut.length & ~3), false);
  }
  return filled.every(line => BASE64.test(line) && isMessageText(line, true));
}

/** The shortest width in which anybody wraps base64. */
const MIN_WIDTH = 32;

/**
 * Returns the width of the lines over which the messages of a stream are broken, as base64; undefined where it holds no such
 * messages. All lines of a message but its last are of this width.
 */
export function base64WidthOf(head: Uint8Array, isWhole: boolean): number | undefined {
  const { whole } = linesOf(head, isWhole);
  const first = whole.findIndex(line => line !== '');
  const width = whole[first]?.length ?? 0;
  if (width < MIN_WIDTH || width % 4 !== 0) return undefined;
  const lines: string[] = [];
  let isEnded = isWhole;
  for (const line of whole.slice(first)) {
    if (line === '') isEnded = true;
    else if (line.length > width || !BASE64_PART.test(line)) return undefined;
    else {
      lines.push(line);
      isEnded = isLastLine(line, width);
    }
    if (isEnded) break;
  }
  return lines.length > 1 && isMessageText(lines.join(''), isEnded || isWhole) ? width : undefined;
}

/** The lines that are whole, without white space around them, and what there is of the last one. */
function linesOf(head: Uint8Array, isWhole: boolean): { whole: readonly string[]; cut: string | undefined } {
  const lines = Buffer.from(head).toString('latin1').split('\n');
  const cut = isWhole ? undefined : lines.pop();
  return { whole: lines.map(line => line.trim()), cut };
}

/** Says whether a message ends with a line. */
function isLastLine(line: string, width: number): boolean {
  return line.length < width || line.endsWith('=');
}

function isMessageText(line: string, isWhole: boolean): boolean {
  const message = Buffer.from(line, 'base64');
  return isCompressed(message) || isProtobuf(message, isWhole);
}

/** Takes lines of base64 apart. */
export function base64Lines({ report, recordBytes, onMessage }: FramingOptions): Sink {
  const lines = new Lines(recordBytes, (length, offset) =>
    report.skip('record-too-large', offset, `a line of ${length} bytes`),
  );
  const takeAll = async (taken: readonly Line[], isLast: boolean) => {
    for (const { text, offset } of taken) {
      const line = text.trim();
      if (line === '') continue;
      if (BASE64.test(line)) await onMessage(Buffer.from(line, 'base64'), offset);
      else if (isLast) report.skip('truncated', offset, 'the input ends inside a message in base64');
      else report.skip('malformed-protobuf', offset, 'a line that is not base64');
    }
  };
  return {
    push: async chunk => takeAll(lines.push(chunk), false),
    // A line without its end may have been cut off.
    end: async () => takeAll(lines.end(), true),
  };
}

/** Takes messages apart that are base64 in lines of a width. */
export function wrappedBase64(width: number, { report, recordBytes, onMessage }: FramingOptions): Sink {
  const lines = new Lines(recordBytes, (length, offset) =>
    report.skip('record-too-large', offset, `a line of ${length} bytes`),
  );
  let parts: string[] = [];
  let start = 0;
  /** Characters of the message in hand. */
  let size = 0;
  const finish = async () => {
    const isTooLarge = (size / 4) * 3 > recordBytes;
    const text = parts.join('');
    parts = [];
    size = 0;
    if (isTooLarge) report.skip('record-too-large', start, `a message in base64 of over ${recordBytes} bytes`);
    else if (text !== '') await onMessage(Buffer.from(text, 'base64'), start);
  };
  const takeAll = async (taken: readonly Line[]) => {
    for (const { text, offset } of taken) {
      const line = text.trim();
      if (line === '') await finish();
      else if (line.length > width || !BASE64_PART.test(line)) {
        await finish();
        report.skip('malformed-protobuf', offset, `a line that is not ${width} characters of base64`);
      } else {
        if (size === 0) start = offset;
        size += line.length;
        if ((size / 4) * 3 <= recordBytes) parts.push(line);
        else parts = [];
        if (isLastLine(line, width)) await finish();
      }
    }
  };
  return {
    push: async chunk => takeAll(lines.push(chunk)),
    // A line without its end may have been cut off; then the message says so.
    end: async () => {
      await takeAll(lines.end());
      await finish();
    },
  };
}
