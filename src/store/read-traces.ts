import type { Span } from '../model/span.ts';
import type { Database } from './database.ts';
import { readSpans } from './read-trace.ts';

// All traces from a place in the database on, as objects, in bounded memory: for writing them out.

/** Spans that are read at a time. */
const PART_SPANS = 4096;

/**
 * Yields the spans of every trace whose spans have numbers from `firstSpanNo` on: a trace at a time, a larger one in parts, in display
 * order. Parents are those of the tree: of a Zipkin span whose parent's id is that of two halves, the half that it belongs to.
 */
export async function* readTraces(
  database: Database,
  firstSpanNo: bigint,
  partSpans = PART_SPANS,
): AsyncGenerator<readonly Span[]> {
  /** The ids on the way from the top to the span in hand, by depth. */
  const path: string[] = [];
  for (let at = await nextSpanNo(database, firstSpanNo); at !== undefined; ) {
    const end = at + BigInt(partSpans);
    const isIn = `span_no >= ${at} AND span_no < ${end}`;
    const places = await database.rows(`SELECT span_no, depth FROM span WHERE ${isIn} ORDER BY span_no`);
    const read = await readSpans(database, isIn);
    const spans = read.map((span, index): Span => {
      const depth = Number(places[index]?.depth);
      path[depth] = span.spanId;
      return depth === 0 ? span : { ...span, parentSpanId: path[depth - 1] };
    });
    const traces = runsOfTrace(spans);
    // The last trace may go on behind this part: if it is not the only one, it comes whole in the next.
    const last = traces[traces.length - 1] ?? [];
    const isOpen = traces.length > 1 && places[places.length - 1]?.span_no === end - 1n;
    yield* isOpen ? traces.slice(0, -1) : traces;
    at = isOpen ? end - BigInt(last.length) : await nextSpanNo(database, end);
  }
}

/** The first number from there on that a span has; numbers of traces that were written anew are free. */
async function nextSpanNo(database: Database, from: bigint): Promise<bigint | undefined> {
  const first = await database.value(`SELECT min(span_no) FROM span WHERE span_no >= ${from}`);
  return typeof first === 'bigint' ? first : undefined;
}

function runsOfTrace(spans: readonly Span[]): (readonly Span[])[] {
  const runs: Span[][] = [];
  for (const span of spans) {
    const run = runs[runs.length - 1];
    if (run !== undefined && run[0]?.traceId === span.traceId) run.push(span);
    else runs.push([span]);
  }
  return runs;
}
