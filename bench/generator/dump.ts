// Writes generated traces to files, the same traces in every format, one trace at a time: memory does not grow with the
// number of spans.

import { statSync } from 'node:fs';
import { JAEGER_HEAD, JAEGER_TAIL, jaegerTraceJson } from './jaeger-json.ts';
import { createShop } from './model.ts';
import { planOneTrace } from './one-trace.ts';
import { otlpJsonLine } from './otlp-json.ts';
import { OtlpProtoEncoder } from './otlp-proto.ts';
import { OutputFile } from './output-file.ts';
import { Random } from './random.ts';
import { RequestBatcher } from './requests.ts';
import type { Span } from './span.ts';
import { SpanMaker } from './span-maker.ts';
import { drawTraceSize, planTrace } from './traces.ts';
import { zipkinSpanJson } from './zipkin-json.ts';

/** The formats, each with what its files' names end in. */
export const FILE_ENDINGS = {
  'otlp-proto': '.otlp.pb',
  'otlp-json': '.otlp.jsonl',
  jaeger: '.jaeger.json',
  zipkin: '.zipkin.json',
} as const;
export type DumpFormat = keyof typeof FILE_ENDINGS;
export const DUMP_FORMATS = Object.keys(FILE_ENDINGS) as DumpFormat[];

/** What a dump holds. */
export interface DumpSummary {
  readonly spans: number;
  readonly traces: number;
  readonly attributes: number;
  readonly spansWithEvent: number;
  readonly spansWithException: number;
  readonly spansWithLink: number;
  readonly spansWithError: number;
  readonly files: readonly DumpFile[];
}

export interface DumpFile {
  readonly format: DumpFormat;
  readonly path: string;
  readonly bytes: number;
}

export interface DumpTarget {
  /** The path of the files without their endings. */
  readonly prefix: string;
  readonly formats: readonly DumpFormat[];
}

const FIRST_TRACE_UNIX_NANO = 1_750_000_000_000_000_000n;
const MEAN_NANOS_BETWEEN_TRACES = 4e6;

/** Generates ordinary traces with so many spans in all. */
export function* generateTraces(spans: number, seed: number): Generator<readonly Span[]> {
  const random = new Random(seed);
  const shop = createShop(random);
  const maker = new SpanMaker(shop, random);
  let start = FIRST_TRACE_UNIX_NANO;
  for (let left = spans; left > 0; ) {
    const size = drawTraceSize(random, left);
    start += BigInt(Math.round(random.exponential(MEAN_NANOS_BETWEEN_TRACES)));
    yield maker.make(planTrace(size, shop, random), start);
    left -= size;
  }
}

/** Generates a single trace of so many spans. */
export function* generateOneTrace(spans: number, seed: number): Generator<readonly Span[]> {
  const random = new Random(seed);
  const shop = createShop(random);
  yield new SpanMaker(shop, random).make(planOneTrace(spans, shop, random), FIRST_TRACE_UNIX_NANO);
}

/** Writes traces to one file for each format. The seed decides how OTLP's requests are cut. */
export function writeDump(traces: Iterable<readonly Span[]>, seed: number, target: DumpTarget): DumpSummary {
  const files = target.formats.map(format => {
    const path = target.prefix + FILE_ENDINGS[format];
    const output = new OutputFile(path);
    return { format, path, output, writer: openWriter(format, output, seed) };
  });
  const count = { spans: 0, traces: 0, attributes: 0 };
  const having = { event: 0, exception: 0, link: 0, error: 0 };
  for (const trace of traces) {
    count.traces++;
    count.spans += trace.length;
    for (const span of trace) {
      count.attributes += span.attributes.length;
      if (span.event !== undefined) having.event++;
      if (span.event?.name === 'exception') having.exception++;
      if (span.link !== undefined) having.link++;
      if (span.status === 2) having.error++;
    }
    for (const { writer } of files) writer.write(trace);
  }
  for (const { writer, output } of files) {
    writer.end();
    output.close();
  }
  return {
    ...count,
    spansWithEvent: having.event,
    spansWithException: having.exception,
    spansWithLink: having.link,
    spansWithError: having.error,
    files: files.map(({ format, path }) => ({ format, path, bytes: statSync(path).size })),
  };
}

interface TraceWriter {
  write(trace: readonly Span[]): void;
  end(): void;
}

function openWriter(format: DumpFormat, output: OutputFile, seed: number): TraceWriter {
  switch (format) {
    case 'otlp-proto': {
      const encoder = new OtlpProtoEncoder();
      return requestWriter(seed, request => {
        for (const piece of encoder.encode(request)) output.writeBytes(piece);
      });
    }
    case 'otlp-json':
      return requestWriter(seed, request => output.writeText(otlpJsonLine(request)));
    case 'jaeger':
      return elementWriter(output, JAEGER_HEAD, JAEGER_TAIL, trace => [jaegerTraceJson(trace)]);
    case 'zipkin':
      return elementWriter(output, '[', ']', trace => trace.map(zipkinSpanJson));
  }
}

function requestWriter(seed: number, send: ConstructorParameters<typeof RequestBatcher>[1]): TraceWriter {
  const batcher = new RequestBatcher(seed, send);
  return { write: trace => batcher.add(trace), end: () => batcher.end() };
}

/** Returns a writer for a document that is one array, with a head before and a tail behind its elements. */
function elementWriter(
  output: OutputFile,
  head: string,
  tail: string,
  elementsOf: (trace: readonly Span[]) => readonly string[],
): TraceWriter {
  let separator = '';
  output.writeText(head);
  return {
    write(trace) {
      for (const element of elementsOf(trace)) {
        output.writeText(separator + element);
        separator = ',';
      }
    },
    end: () => output.writeText(tail),
  };
}
