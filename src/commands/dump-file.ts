import { otlpJsonLine } from '../formats/otlp-json/encode.ts';
import type { Database } from '../store/database.ts';
import { readTraces } from '../store/read-traces.ts';

// Traces of a database as a dump: OTLP JSON, a trace a line, which every command reads again.

/** Text is handed over in pieces of about this length. */
const PIECE_LENGTH = 1 << 18;

/**
 * Returns all traces whose spans have numbers from `firstSpanNo` on, in the order of the database, in pieces of whole lines. A trace of
 * more than 4,096 spans is several lines, and memory is that of so many spans.
 */
export async function* dumpOf(database: Database, firstSpanNo: bigint | number): AsyncGenerator<string> {
  let lines = '';
  for await (const spans of readTraces(database, BigInt(firstSpanNo))) {
    lines += otlpJsonLine(spans);
    if (lines.length < PIECE_LENGTH) continue;
    yield lines;
    lines = '';
  }
  if (lines !== '') yield lines;
}
