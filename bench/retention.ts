// Does a database file stay as large as it is while spans come and the oldest go? Each round loads so many new spans, as a
// listener does between two commits, and drops the oldest traces down to a limit; the file is looked at after each.
//   node bench/retention.ts --rounds 30 --spans 50000 --max-size 40000000

import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../src/ingest/compression.ts';
import { ingest } from '../src/ingest/ingest.ts';
import { findSources } from '../src/ingest/source.ts';
import { prune } from '../src/store/retention.ts';
import { storageSize } from '../src/store/storage-size.ts';
import { Store } from '../src/store/store.ts';
import { generateTraces, writeDump } from './generator/dump.ts';
import { positiveNumber, readOptions } from './options.ts';
import { describeMachine, formatCount, markdownTable } from './report.ts';
import { withWorkspace } from './workspace.ts';

const options = readOptions(import.meta.filename, {
  rounds: { type: 'string', default: '30' },
  spans: { type: 'string', default: '50000' },
  'max-size': { type: 'string', default: '40000000' },
  seed: { type: 'string', default: '1' },
  out: { type: 'string', default: 'bench/data' },
});
const rounds = positiveNumber('--rounds', options.rounds);
const spansPerRound = positiveNumber('--spans', options.spans);
const maxBytes = positiveNumber('--max-size', options['max-size']);
const seed = positiveNumber('--seed', options.seed);

await withWorkspace(options.out, async folder => {
  const path = join(folder, 'flow.duckdb');
  const rows: string[][] = [];
  const traces = generateTraces(rounds * spansPerRound, seed);
  for (let round = 1; round <= rounds; round++) {
    const written = writeDump(takeSpans(traces, spansPerRound), seed, {
      prefix: join(folder, 'round'),
      formats: ['otlp-proto'],
    });
    if (written.spans === 0) break;
    // Opened anew, for whoever loads must not hold ids of what was dropped.
    const store = await Store.open({ path, now: () => new Date() });
    try {
      const { sources } = await findSources(written.files.map(file => file.path));
      await ingest(sources, await store.loader(), { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS });
      const beginMs = performance.now();
      const pruned = await prune(store.database, { maxBytes });
      const tookMs = performance.now() - beginMs;
      const { fileBytes, freeBytes, walBytes } = await storageSize(store.database);
      const kept = Number(await store.database.value('SELECT count(*) FROM span'));
      const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
      rows.push([
        String(round),
        formatCount(pruned.spans),
        formatCount(kept),
        megabytes(fileBytes),
        megabytes(freeBytes),
        megabytes(walBytes),
        tookMs.toFixed(0),
      ]);
    } finally {
      store.close();
    }
  }
  console.log(`${describeMachine()}\n`);
  console.log(`${formatCount(spansPerRound)} spans a round, a limit of ${formatCount(maxBytes / 1e6)} MB\n`);
  console.log(markdownTable(['round', 'dropped', 'kept', 'file MB', 'free MB', 'log MB', 'prune ms'], rows));
});

/** Yields traces until they have so many spans. */
function* takeSpans<Span>(traces: Iterator<readonly Span[]>, count: number): Generator<readonly Span[]> {
  for (let taken = 0; taken < count; ) {
    const next = traces.next();
    if (next.done === true) return;
    taken += next.value.length;
    yield next.value;
  }
}
