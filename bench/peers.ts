// How fast others read the same dumps, in turns with `tailspan load`: DuckDB's own JSON reader, and what npm has for these formats.
// None of them does all that loading does; the table says what each one ends with.
//   node bench/generate.ts --spans 100000 --out bench/data/s100k
//   node bench/peers.ts --data bench/data/s100k --runs 5

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import protobuf from 'protobufjs';
import { spansOf } from './data-set.ts';
import { type DumpFormat, FILE_ENDINGS } from './generator/dump.ts';
import { type Command, type Measured, measure, spreadOf } from './measure.ts';
import { parseCommand, positiveNumber, readOptions } from './options.ts';
import { describeMachine, formatCount, formatCpu, formatPeakRss, markdownTable } from './report.ts';
import { emptyFolder, privateHome, withWorkspace } from './workspace.ts';

interface Peer {
  readonly name: string;
  readonly format: DumpFormat;
  /** What there is when it is done. */
  readonly result: string;
  /** The largest file that it can read. */
  readonly mostBytes?: number;
  /** Reads a file and returns the number of its spans. What it makes that is to last goes into `database`. */
  readonly read: (file: string, database: string) => Promise<number>;
}

/** OTLP as far as the generator uses it; DuckDB would otherwise guess the columns from the first lines. */
const OTLP_ATTRIBUTES =
  'STRUCT(key VARCHAR, value STRUCT(stringValue VARCHAR, intValue VARCHAR, doubleValue DOUBLE, boolValue BOOLEAN))[]';
const OTLP_SPAN = `STRUCT(
  traceId VARCHAR, spanId VARCHAR, parentSpanId VARCHAR, name VARCHAR, kind UTINYINT, startTimeUnixNano BIGINT, endTimeUnixNano BIGINT,
  attributes ${OTLP_ATTRIBUTES}, events STRUCT(timeUnixNano BIGINT, name VARCHAR, attributes ${OTLP_ATTRIBUTES})[],
  links STRUCT(traceId VARCHAR, spanId VARCHAR, attributes ${OTLP_ATTRIBUTES})[], status STRUCT(code UTINYINT, message VARCHAR))`;
const OTLP_RESOURCE_SPANS = `STRUCT(
  resource STRUCT(attributes ${OTLP_ATTRIBUTES}), scopeSpans STRUCT(scope STRUCT(name VARCHAR, version VARCHAR), spans ${OTLP_SPAN}[])[])`;
const attributeMap = (list: string) => `map_from_entries(list_transform(${list}, lambda a:
  {k: a.key, v: coalesce(a.value.stringValue, a.value.intValue, a.value.doubleValue::VARCHAR, a.value.boolValue::VARCHAR)}))`;

/** The messages of OTLP, with all their fields. https://github.com/open-telemetry/opentelemetry-proto */
const OTLP_PROTO = `
  syntax = "proto3";
  message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
  message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
  message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
    uint32 dropped_attributes_count = 10; repeated Event events = 11; uint32 dropped_events_count = 12;
    repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15; fixed32 flags = 16;
  }
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
  message Link {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
    uint32 dropped_attributes_count = 5; fixed32 flags = 6;
  }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value {
      string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
      ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
    }
  }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }`;

/** The parts of a request that are walked to count its spans. */
interface ExportRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[] }[];
}

/** V8 has no string for a longer file. */
const LONGEST_STRING = 2 ** 29 - 24;

const PEERS: readonly Peer[] = [
  {
    name: 'DuckDB read_json',
    format: 'otlp-json',
    result: 'one table of typed columns and maps of text in a file; no traces, no parents, attribute types lost',
    read: (file, database) =>
      tableOf(
        database,
        `
        WITH part AS (
          SELECT unnest(resourceSpans) AS part
          FROM read_json('${file}', format = 'newline_delimited', maximum_object_size = 100000000,
            columns = {resourceSpans: '${OTLP_RESOURCE_SPANS}[]'})
        ), scoped AS (
          SELECT part.resource.attributes AS resource, unnest(part.scopeSpans) AS scoped FROM part
        ), flat AS (
          SELECT resource, scoped.scope, unnest(scoped.spans) AS s FROM scoped
        )
        SELECT s.traceId, s.spanId, s.parentSpanId, s.name, s.kind, s.startTimeUnixNano, s.endTimeUnixNano - s.startTimeUnixNano AS duration,
          s.status, ${attributeMap('s.attributes')} AS attributes, ${attributeMap('resource')} AS resource, scope, s.events, s.links
        FROM flat`,
      ),
  },
  {
    name: 'JSON.parse a line',
    format: 'otlp-json',
    result: 'objects that are dropped; no database, integers beyond 2^53 only where they are text',
    read: async file => {
      let spans = 0;
      for await (const line of createInterface({ input: createReadStream(file, { highWaterMark: 1 << 20 }) })) {
        const request: ExportRequest = JSON.parse(line);
        spans += spansIn(request);
      }
      return spans;
    },
  },
  {
    name: 'protobufjs',
    format: 'otlp-proto',
    result: 'objects that are dropped; no database',
    read: async file => {
      const type = protobuf.parse(OTLP_PROTO).root.lookupType('ExportTraceServiceRequest');
      const bytes = readFileSync(file);
      let spans = 0;
      // The Collector's file exporter writes each request after its length.
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        const request: unknown = type.decode(bytes.subarray(at + 4, end));
        spans += spansIn(request as ExportRequest);
        at = end;
      }
      return spans;
    },
  },
  {
    name: 'DuckDB read_json',
    format: 'zipkin',
    result: 'one table of typed columns and maps of text in a file; no traces, no parents, no resources',
    read: (file, database) =>
      tableOf(
        database,
        `
        SELECT traceId, id, parentId, name, kind, timestamp, duration, localEndpoint.serviceName AS service, tags, annotations
        FROM read_json('${file}', format = 'array', columns = {
          traceId: 'VARCHAR', id: 'VARCHAR', parentId: 'VARCHAR', name: 'VARCHAR', kind: 'VARCHAR', timestamp: 'BIGINT', duration: 'BIGINT',
          localEndpoint: 'STRUCT(serviceName VARCHAR, ipv4 VARCHAR)', tags: 'MAP(VARCHAR, VARCHAR)',
          annotations: 'STRUCT(timestamp BIGINT, value VARCHAR)[]'})`,
      ),
  },
  {
    name: 'JSON.parse of the file',
    format: 'zipkin',
    result: 'objects that are dropped; no database',
    mostBytes: LONGEST_STRING,
    read: async file => {
      const spans: unknown = JSON.parse(readFileSync(file, 'utf8'));
      return Array.isArray(spans) ? spans.length : 0;
    },
  },
];

const options = readOptions(import.meta.filename, {
  data: { type: 'string', default: 'bench/data/s100k' },
  runs: { type: 'string', default: '3' },
  command: { type: 'string', default: 'node bin/tailspan.js load {file} --db {db} --quiet' },
  /** Where the databases go; otherwise beside the data, which is on a real disk where /tmp may not be. */
  tmp: { type: 'string' },
  /** Runs one peer by its place in the list, with --file, --db and --spans: what the processes that are measured do. */
  peer: { type: 'string' },
  file: { type: 'string', default: '' },
  db: { type: 'string', default: '' },
  spans: { type: 'string' },
});

if (options.peer === undefined) await compare();
else await runPeer(PEERS[Number(options.peer)]!);

async function runPeer({ name, read }: Peer): Promise<void> {
  const spans = await read(options.file, options.db);
  if (String(spans) !== options.spans) throw new Error(`${name} read ${spans} spans in place of ${options.spans}`);
}

async function compare(): Promise<void> {
  const runs = positiveNumber('--runs', options.runs);
  const spans = spansOf(options.data);
  console.log(`${describeMachine()}\n`);
  console.log(`${formatCount(spans)} spans a file, ${runs} runs in turns, medians (min–max) of whole processes.\n`);
  await withWorkspace(options.tmp ?? dirname(options.data), async folder => {
    const rows: string[][] = [];
    for (const format of new Set(PEERS.map(peer => peer.format))) {
      const file = options.data + FILE_ENDINGS[format];
      if (!existsSync(file)) throw new Error(`there is no ${file}: make it with bench/generate.ts`);
      process.stderr.write(`${basename(file)} …\n`);
      const size = statSync(file).size;
      const isAble = (peer: Peer) => size <= (peer.mostBytes ?? size);
      const all = PEERS.filter(peer => peer.format === format);
      const peers = all.filter(isAble);
      const commands = [loading(file, folder), ...peers.map(peer => running(peer, file, spans, folder))];
      const measured = await measure(commands, { runs });
      const results = [
        'a database of traces: assembled, typed, every event, link and resource',
        ...peers.map(peer => peer.result),
      ];
      rows.push(...measured.map((one, index) => rowOf(file, one, spans, results[index]!)));
      rows.push(
        ...all
          .filter(peer => !isAble(peer))
          .map(({ name }) => [basename(file), name, '—', '—', '—', 'nothing: the file is longer than a string may be']),
      );
    }
    console.log(markdownTable(['file', 'reader', 'spans/s', 'CPU s', 'peak RSS MB', 'ends with'], rows));
  });
}

function spansIn({ resourceSpans }: ExportRequest): number {
  return resourceSpans.reduce(
    (sum, { scopeSpans }) => sum + scopeSpans.reduce((own, { spans }) => own + spans.length, 0),
    0,
  );
}

/** Keeps what a query returns as a table of a new database, on disk when this returns, and returns its number of rows. */
async function tableOf(database: string, query: string): Promise<number> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE span AS ${query}`);
  await connection.run('CHECKPOINT');
  const [row] = await connection.runAndReadAll('SELECT count(*) FROM span').then(reader => reader.getRows());
  connection.closeSync();
  instance.closeSync();
  return Number(row?.[0]);
}

function loading(file: string, folder: string): Command {
  const own = join(folder, 'tailspan');
  const database = join(own, 'bench.duckdb');
  return {
    name: '`tailspan load`',
    argv: parseCommand(options.command).map(word =>
      word.replaceAll('{file}', () => file).replaceAll('{db}', () => database),
    ),
    env: privateHome(join(folder, 'home')),
    prepare: () => emptyFolder(own),
  };
}

function running(peer: Peer, file: string, spans: number, folder: string): Command {
  const own = join(folder, 'peer');
  const words = { peer: String(PEERS.indexOf(peer)), file, db: join(own, 'bench.duckdb'), spans: String(spans) };
  return {
    name: peer.name,
    argv: [
      process.execPath,
      import.meta.filename,
      ...Object.entries(words).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    prepare: () => emptyFolder(own),
  };
}

function rowOf(file: string, measured: Measured, spans: number, result: string): string[] {
  const rate = spreadOf(measured.samples.map(sample => (1000 * spans) / sample.wallMs));
  return [
    basename(file),
    measured.name,
    `${formatCount(rate.median)} (${formatCount(rate.min)}–${formatCount(rate.max)})`,
    formatCpu(measured),
    formatPeakRss(measured),
    result,
  ];
}
