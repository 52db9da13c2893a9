import { readFileSync } from 'node:fs';

// Export requests for load on receivers, cut from a generated dump: real spans, in batches of a wanted size, whose trace ids are
// made new for every request that is sent.

/** A request's body, and where in it trace ids stand. */
export interface Template {
  readonly bytes: Buffer;
  readonly spanCount: number;
  /** Offsets of the 16 bytes of every trace id, those of links included. */
  readonly traceIds: Uint32Array;
}

/** Cuts the frames of an OTLP protobuf file (lengths of four bytes before them) into requests of at least `batch` spans. */
export function templatesOf(file: string, batch: number, most: number): Template[] {
  const bytes = readFileSync(file);
  const templates: Template[] = [];
  let parts: Buffer[] = [];
  let spans = 0;
  for (let at = 0; at < bytes.length && templates.length < most; ) {
    const from = at + 4;
    at = from + bytes.readUInt32BE(at);
    for (const part of cut(bytes.subarray(from, at), batch)) {
      parts.push(part);
      spans += countSpans(part);
      if (spans < batch) continue;
      templates.push(templateOf(Buffer.concat(parts)));
      parts = [];
      spans = 0;
    }
  }
  return templates;
}

/** Cuts a request with more spans than that into several. */
function cut(request: Buffer, batch: number): Buffer[] {
  const parts: Buffer[] = [];
  for (const resourceSpans of fields(request, 1)) {
    const head = fieldsBut(resourceSpans, 2);
    for (const scopeSpans of fields(resourceSpans, 2)) {
      const scope = fieldsBut(scopeSpans, 2);
      const spans = [...fields(scopeSpans, 2)];
      for (let at = 0; at < spans.length; at += batch) {
        const some = spans.slice(at, at + batch).map(span => delimited(2, span));
        parts.push(delimited(1, Buffer.concat([head, delimited(2, Buffer.concat([scope, ...some]))])));
      }
    }
  }
  return parts;
}

function templateOf(bytes: Buffer): Template {
  const traceIds: number[] = [];
  let spanCount = 0;
  for (const resourceSpans of fields(bytes, 1)) {
    for (const scopeSpans of fields(resourceSpans, 2)) {
      for (const span of fields(scopeSpans, 2)) {
        spanCount++;
        for (const id of fields(span, 1)) traceIds.push(id.byteOffset - bytes.byteOffset);
        for (const link of fields(span, 13)) {
          for (const id of fields(link, 1)) traceIds.push(id.byteOffset - bytes.byteOffset);
        }
      }
    }
  }
  return { bytes, spanCount, traceIds: Uint32Array.from(traceIds) };
}

/** Returns a body whose traces were never sent before; `serial` tells it from all others. */
export function fresh({ bytes, traceIds }: Template, serial: number): Buffer {
  const body = Buffer.from(bytes);
  for (const at of traceIds) body.writeUInt32BE(serial, at);
  return body;
}

function countSpans(request: Buffer): number {
  return templateOf(request).spanCount;
}

/** The contents of a message's length-delimited fields of a number. */
function* fields(message: Buffer, number: number): Generator<Buffer> {
  for (const { field, content } of walk(message)) if (field === number && content !== undefined) yield content;
}

/** A message without its fields of a number. */
function fieldsBut(message: Buffer, number: number): Buffer {
  const parts: Buffer[] = [];
  for (const { field, whole } of walk(message)) if (field !== number) parts.push(whole);
  return Buffer.concat(parts);
}

function* walk(message: Buffer): Generator<{ field: number; whole: Buffer; content: Buffer | undefined }> {
  for (let at = 0; at < message.length; ) {
    const start = at;
    const [tag, behindTag] = varint(message, at);
    let content: Buffer | undefined;
    switch (tag & 7) {
      case 0:
        at = varint(message, behindTag)[1];
        break;
      case 1:
        at = behindTag + 8;
        break;
      case 2: {
        const [length, from] = varint(message, behindTag);
        at = from + length;
        content = message.subarray(from, at);
        break;
      }
      case 5:
        at = behindTag + 4;
        break;
      default:
        throw new Error(`the dump has a field of wire type ${tag & 7}`);
    }
    yield { field: tag >>> 3, whole: message.subarray(start, at), content };
  }
}

function varint(bytes: Buffer, from: number): [value: number, end: number] {
  let value = 0;
  let scale = 1;
  let at = from;
  for (;;) {
    const byte = bytes[at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
    scale *= 128;
  }
}

function delimited(field: number, content: Buffer): Buffer {
  const head: number[] = [(field << 3) | 2];
  let length = content.length;
  for (; length > 127; length = Math.floor(length / 128)) head.push((length & 127) | 128);
  head.push(length);
  return Buffer.concat([Buffer.from(head), content]);
}
