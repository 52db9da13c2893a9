import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import type { SourceAccount } from '../../src/ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import { type Attributes, type AttributeValue, valueOfText } from '../../src/model/attributes.ts';
import { hexOfWords } from '../../src/model/ids.ts';
import type { Span } from '../../src/model/span.ts';
import type { Definitions, SpanBatch } from '../../src/model/span-batch.ts';
import { kindWord, statusWord } from '../../src/model/status.ts';
import { chunked, type DumpOptions } from './load.ts';

// Bytes through the decoders and no further: what they say of each record, in the order of the source, before traces are
// assembled. No database is opened, so that a test may ask a thousand times.

/** A span as its decoder gave it: fields that have no column are still attributes (model/carried-fields.ts). */
export type DecodedSpan = Omit<
  Span,
  'traceState' | 'droppedAttributesCount' | 'droppedEventsCount' | 'droppedLinksCount'
>;

export interface DecodedDump {
  readonly account: SourceAccount;
  readonly spans: readonly DecodedSpan[];
}

/** Decodes one dump. */
export async function decodeDump(bytes: Uint8Array | string, options: DumpOptions = {}): Promise<DecodedDump> {
  const [dump] = await decodeDumps([bytes], options);
  return dump!;
}

/** Decodes dumps one after the other with one decoder, as the sources of one ingest are. */
export async function decodeDumps(
  dumps: readonly (Uint8Array | string)[],
  options: DumpOptions = {},
): Promise<DecodedDump[]> {
  const reader = new BatchReader();
  const decoder = new SourceDecoder(
    { producer: 0, firstValueId: 1, onBatch: batch => reader.read(batch) },
    {
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      compression: { ...DEFAULT_COMPRESSION_LIMITS, ...options.compression },
      columnMap: options.columnMap,
      lane: options.lane ?? false,
    },
  );
  const decoded: DecodedDump[] = [];
  for (const dump of dumps) {
    const content = typeof dump === 'string' ? Buffer.from(dump) : dump;
    const source = { name: options.name ?? 'dump', path: undefined, bytes: content.length };
    const account = await decoder.decode(source, undefined, chunked(content, options.chunk ?? content.length));
    decoder.writer.flush();
    decoded.push({ account, spans: reader.spans.splice(0) });
  }
  return decoded;
}

/** Puts the batches of a producer together again: ids become what they stand for. */
export class BatchReader {
  readonly spans: DecodedSpan[];
  readonly #definitions: Definitions = { names: [], keys: [], operations: [], resources: [], scopes: [], statuses: [] };
  readonly #values = new Map<number, readonly [string, AttributeValue]>();

  /** Spans are added to the given ones. */
  constructor(spans: DecodedSpan[] = []) {
    this.spans = spans;
  }

  read({ definitions, values, spans, events, links }: SpanBatch): void {
    const known = this.#definitions;
    known.names.push(...definitions.names);
    known.keys.push(...definitions.keys);
    known.operations.push(...definitions.operations);
    known.resources.push(...definitions.resources);
    known.scopes.push(...definitions.scopes);
    known.statuses.push(...definitions.statuses);
    for (let row = 0; row < values.count; row++) {
      const text = Buffer.from(values.text.subarray(startOf(values.textEnd, row), values.textEnd[row])).toString();
      this.#values.set(values.firstId + row, [known.keys[values.key[row]!]!, valueOfText(values.type[row]!, text)]);
    }
    const eventsOf = rowsBySpan(events);
    const linksOf = rowsBySpan(links);
    for (let row = 0; row < spans.count; row++) {
      const operation = known.operations[spans.operation[row]!]!;
      const resource = known.resources[spans.resource[row]!]!;
      const scope = known.scopes[operation.scope]!;
      const status = known.statuses[spans.status[row]!]!;
      const parentSpanId = hexOfWords(spans.parentId, row * 2, 2);
      this.spans.push({
        traceId: hexOfWords(spans.traceId, row * 4, 4),
        spanId: hexOfWords(spans.spanId, row * 2, 2),
        parentSpanId: /^0+$/.test(parentSpanId) ? undefined : parentSpanId,
        name: known.names[operation.name]!,
        kind: kindWord(operation.kind),
        serviceName: known.names[operation.serviceName]!,
        startTimeUnixNano: nanosAt(spans.start, row),
        durationNano: nanosAt(spans.duration, row),
        status: { code: statusWord(status.code), message: status.message },
        attributes: this.#attributesAt(spans, row),
        resource: this.#attributesOf(resource.attributes),
        scope: { name: scope.name, version: scope.version, attributes: this.#attributesOf(scope.attributes) },
        events: (eventsOf.get(row) ?? []).map(at => ({
          timeUnixNano: nanosAt(events.time, at),
          name: known.names[events.name[at]!]!,
          attributes: this.#attributesAt(events, at),
        })),
        links: (linksOf.get(row) ?? []).map(at => ({
          traceId: hexOfWords(links.traceId, at * 4, 4),
          spanId: hexOfWords(links.spanId, at * 2, 2),
          attributes: this.#attributesAt(links, at),
        })),
        flags: operation.flags,
        quirks: operation.quirks,
      });
    }
  }

  #attributesAt(
    { attributes, attributeEnd }: { readonly attributes: Uint32Array; readonly attributeEnd: Uint32Array },
    row: number,
  ): Attributes {
    return this.#attributesOf(attributes.subarray(startOf(attributeEnd, row), attributeEnd[row]));
  }

  #attributesOf(ids: Iterable<number>): Attributes {
    return Object.fromEntries(Array.from(ids, id => this.#values.get(id)!));
  }
}

/** Where a row begins in a column of ends. */
function startOf(ends: Uint32Array, row: number): number {
  return row === 0 ? 0 : ends[row - 1]!;
}

function nanosAt(words: Uint32Array, row: number): bigint {
  return (BigInt(words[row * 2 + 1]!) << 32n) | BigInt(words[row * 2]!);
}

function rowsBySpan({ count, span }: { readonly count: number; readonly span: Uint32Array }): Map<number, number[]> {
  return Map.groupBy(
    Array.from({ length: count }, (_, row) => row),
    row => span[row]!,
  );
}
