// Generates trace dumps: the same spans as OTLP protobuf, OTLP JSON, Jaeger and Zipkin. The same seed and count give the
// same bytes. Beside PREFIX.otlp.pb and the others, PREFIX.about.json says what they hold.
//   node bench/generate.ts --spans 1000000 --seed 1 --out bench/data/s1m --formats otlp-proto,otlp-json --zstd
//   node bench/generate.ts --one-trace 10000 --out bench/data/t10k

import { createReadStream, createWriteStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import {
  DUMP_FORMATS,
  type DumpFormat,
  type DumpSummary,
  generateOneTrace,
  generateTraces,
  writeDump,
} from './generator/dump.ts';
import { positiveNumber, readOptions } from './options.ts';

const options = readOptions(import.meta.filename, {
  spans: { type: 'string' },
  'one-trace': { type: 'string' },
  seed: { type: 'string', default: '1' },
  out: { type: 'string' },
  formats: { type: 'string' },
  gzip: { type: 'boolean', default: false },
  zstd: { type: 'boolean', default: false },
});

if (options.out === undefined) throw new Error('--out PREFIX is missing');
if ((options.spans === undefined) === (options['one-trace'] === undefined)) {
  throw new Error('give either --spans N or --one-trace N');
}
const prefix = options.out;
const seed = positiveNumber('--seed', options.seed);
const oneTrace = options['one-trace'] !== undefined;
const spans = positiveNumber(oneTrace ? '--one-trace' : '--spans', options['one-trace'] ?? options.spans ?? '');
const formats = formatsOf(options.formats ?? (oneTrace ? 'otlp-proto,otlp-json' : DUMP_FORMATS.join(',')));

mkdirSync(dirname(prefix), { recursive: true });
const startMs = performance.now();
const traces = oneTrace ? generateOneTrace(spans, seed) : generateTraces(spans, seed);
const summary = writeDump(traces, seed, { prefix, formats });
const seconds = (performance.now() - startMs) / 1000;

writeFileSync(`${prefix}.about.json`, aboutText(summary));
printSummary(summary, seconds);
for (const { path } of summary.files) {
  if (options.gzip) await compress(path, `${path}.gz`, createGzip());
  if (options.zstd) await compress(path, `${path}.zst`, createZstdCompress());
}

function formatsOf(list: string): DumpFormat[] {
  return list.split(',').map(name => {
    const format = DUMP_FORMATS.find(known => known === name);
    if (format === undefined) throw new Error(`unknown format '${name}': the formats are ${DUMP_FORMATS.join(', ')}`);
    return format;
  });
}

/** Names no folder, so that the file is the same wherever it is made. */
function aboutText({ files, ...counts }: DumpSummary): string {
  const named = files.map(({ format, path, bytes }) => ({ format, file: basename(path), bytes }));
  return `${JSON.stringify({ seed, ...counts, files: named }, undefined, 2)}\n`;
}

function printSummary(dump: DumpSummary, generationSeconds: number): void {
  const perSpan = (count: number) => (count / dump.spans).toFixed(2);
  const share = (count: number) => `${((100 * count) / dump.spans).toFixed(1)} %`;
  console.log(`${dump.spans} spans in ${dump.traces} traces, written in ${generationSeconds.toFixed(1)} s`);
  console.log(`${(dump.spans / dump.traces).toFixed(1)} spans a trace, ${perSpan(dump.attributes)} attributes a span`);
  console.log(
    `spans with an event ${share(dump.spansWithEvent)}, an exception ${share(dump.spansWithException)}, ` +
      `a link ${share(dump.spansWithLink)}, an error ${share(dump.spansWithError)}`,
  );
  for (const { path, bytes } of dump.files) console.log(`${path}: ${(bytes / dump.spans).toFixed(1)} bytes a span`);
}

async function compress(from: string, to: string, compressor: NodeJS.ReadWriteStream): Promise<void> {
  await pipeline(createReadStream(from, { highWaterMark: 1 << 20 }), compressor, createWriteStream(to));
  console.log(`${to}: ${(statSync(to).size / spans).toFixed(1)} bytes a span`);
}
