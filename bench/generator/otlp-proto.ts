// OTLP protobuf in frames, as the Collector's file exporter writes it: each ExportTraceServiceRequest after its length as
// 32 bits, big endian.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto

import { ProtobufWriter } from './protobuf-writer.ts';
import { type ExportRequest, type ResourceSpans, SCHEMA_URL, type ScopeSpans } from './requests.ts';
import { type Attribute, type AttributeValue, type Span, Status } from './span.ts';

/** Turns requests into frames. */
export class OtlpProtoEncoder {
  readonly #writer = new ProtobufWriter();
  readonly #frameHeader = Buffer.alloc(4);

  /** Returns the frame of a request in pieces; valid until the next call. */
  encode(request: ExportRequest): readonly Uint8Array[] {
    this.#writer.reset();
    for (const resourceSpans of request.toReversed()) this.#resourceSpans(resourceSpans);
    const message = this.#writer.bytes();
    this.#frameHeader.writeUInt32BE(message.length);
    return [this.#frameHeader, message];
  }

  #resourceSpans({ resource, scopeSpans }: ResourceSpans): void {
    const writer = this.#writer;
    const end = writer.mark();
    writer.string(3, SCHEMA_URL);
    for (const spans of scopeSpans.toReversed()) this.#scopeSpans(spans);
    const resourceEnd = writer.mark();
    this.#attributes(1, resource.attributes);
    writer.message(1, resourceEnd);
    writer.message(1, end);
  }

  #scopeSpans({ scope, spans }: ScopeSpans): void {
    const writer = this.#writer;
    const end = writer.mark();
    for (let index = spans.length - 1; index >= 0; index--) this.#span(spans[index]!);
    const scopeEnd = writer.mark();
    if (scope.version !== '') writer.string(2, scope.version);
    writer.string(1, scope.name);
    writer.message(1, scopeEnd);
    writer.message(2, end);
  }

  #span(span: Span): void {
    const writer = this.#writer;
    const end = writer.mark();
    writer.fixed32(16, span.flags);
    this.#status(span);
    if (span.link !== undefined) {
      const linkEnd = writer.mark();
      writer.hex(2, span.link.spanId);
      writer.hex(1, span.link.traceId);
      writer.message(13, linkEnd);
    }
    if (span.event !== undefined) {
      const eventEnd = writer.mark();
      this.#attributes(3, span.event.attributes);
      writer.string(2, span.event.name);
      writer.fixed64(1, span.event.timeUnixNano);
      writer.message(11, eventEnd);
    }
    this.#attributes(9, span.attributes);
    writer.fixed64(8, span.endTimeUnixNano);
    writer.fixed64(7, span.startTimeUnixNano);
    writer.unsigned(6, span.kind);
    writer.string(5, span.name);
    if (span.parentSpanId !== undefined) writer.hex(4, span.parentSpanId);
    writer.hex(2, span.spanId);
    writer.hex(1, span.traceId);
    writer.message(2, end);
  }

  #status({ status, statusMessage }: Span): void {
    const writer = this.#writer;
    const end = writer.mark();
    if (status !== Status.unset) writer.unsigned(3, status);
    if (statusMessage !== '') writer.string(2, statusMessage);
    writer.message(15, end);
  }

  #attributes(field: number, attributes: readonly Attribute[]): void {
    const writer = this.#writer;
    for (let index = attributes.length - 1; index >= 0; index--) {
      const [key, value] = attributes[index]!;
      const end = writer.mark();
      this.#value(value);
      writer.message(2, end);
      writer.string(1, key);
      writer.message(field, end);
    }
  }

  #value(value: AttributeValue): void {
    switch (typeof value) {
      case 'string':
        return this.#writer.string(1, value);
      case 'boolean':
        return this.#writer.bool(2, value);
      case 'bigint':
        return this.#writer.unsigned(3, Number(value));
      case 'number':
        return this.#writer.double(4, value);
    }
  }
}
