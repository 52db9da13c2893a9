import { Wire, WireError, WireReader } from '../protobuf/wire.ts';

// Which signal an OTLP message carries. ExportTraceServiceRequest, …Logs… and …Metrics… all begin alike:
//   field 1 ResourceX { field 1 Resource, field 2 ScopeX { field 1 Scope, field 2 Span | LogRecord | Metric } }
// (before 2022, ScopeX was field 1000)
// so the innermost record decides, by the wire types that its fields have in only one of the three.

export type Signal = 'traces' | 'logs' | 'metrics' | 'empty';

/**
 * Returns the signal of the message `bytes[from..to]`; `empty` where it holds no record, undefined where it is no OTLP
 * message or (`partial`) what is there does not tell yet.
 */
export function signalOf(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
  partial: boolean,
): Signal | undefined {
  const reader = new WireReader();
  reader.reset(bytes, view);
  reader.position = from;
  try {
    while (reader.position < to) {
      const tag = reader.varint(to);
      if (tag !== 0x0a) {
        reader.skip(tag & 7, to);
        continue;
      }
      const signal = signalOfResource(reader, clippedEnd(reader, to, partial));
      if (signal !== undefined) return signal;
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return undefined;
  }
  return partial ? undefined : 'empty';
}

/** Where the field that begins here ends: its own end, or that of what is there of it. */
function clippedEnd(reader: WireReader, to: number, partial: boolean): number {
  const end = reader.varint(to) + reader.position;
  if (end > to && !partial) throw new WireError('a field longer than its message', reader.position);
  return Math.min(end, to);
}

/** Returns the signal of the ResourceX that ends at `to`, and moves there. */
export function signalOfResource(reader: WireReader, to: number): Signal | undefined {
  const records = (end: number): Signal | undefined => {
    while (reader.position < end) {
      const tag = reader.varint(end);
      if (tag !== 0x12) {
        reader.skip(tag & 7, end);
        continue;
      }
      const recordEnd = clippedEnd(reader, end, true);
      return signalOfRecord(reader, recordEnd);
    }
    return undefined;
  };
  while (reader.position < to) {
    const tag = reader.varint(to);
    if (tag !== 0x12 && tag !== 8002) {
      reader.skip(tag & 7, to);
      continue;
    }
    const scopeEnd = clippedEnd(reader, to, true);
    const signal = records(scopeEnd);
    if (signal !== undefined) return signal;
    reader.position = scopeEnd;
  }
  return undefined;
}

function signalOfRecord(reader: WireReader, end: number): Signal | undefined {
  let idLike = 0;
  let isFirst = true;
  while (reader.position < end) {
    const tag = reader.varint(end);
    const field = tag >>> 3;
    const wire = tag & 7;
    if (wire === Wire.fixed64) {
      // Span: start 7, end 8. LogRecord: time 1, observed time 11. Metric has none.
      if (field === 7 || field === 8) return 'traces';
      if (field === 1 || field === 11) return 'logs';
    } else if (wire === Wire.varint) {
      // Span: kind 6, dropped counts. LogRecord: severity 2, dropped count 7.
      if (field === 6 || field === 10 || field === 12 || field === 14) return 'traces';
      if (field === 2 || field === 7) return 'logs';
    } else if (wire === Wire.fixed32) {
      if (field === 16) return 'traces';
      if (field === 8) return 'logs';
    } else if (wire === Wire.bytes) {
      const start = reader.position;
      const length = reader.varint(end);
      // LogRecord: attributes 6, span id 10.
      if (field === 6 || (field === 10 && length === 8)) return 'logs';
      if (field === 7 || field === 10) return 'metrics';
      if (field === 13 || field === 15) return 'traces';
      // A span's ids come first: 16 bytes, then 8. A metric's name and description may be as long, but they are text.
      if (isFirst && field === 1 && length === 16 && !isText(reader, length)) idLike = 1;
      else if (idLike === 1 && field === 2 && length === 8) idLike = 2;
      reader.position = start;
    } else return undefined;
    isFirst = false;
    reader.skip(wire, end);
  }
  if (idLike === 2) return 'traces';
  return isFirst ? undefined : 'metrics';
}

/** Says whether the next bytes are printable ASCII. */
function isText({ bytes, position }: WireReader, length: number): boolean {
  for (let at = position; at < position + length; at++) if (bytes[at]! < 32 || bytes[at]! > 126) return false;
  return true;
}
