import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ParseOptions, parseQuery } from '../../src/query/traceql/parse-query.ts';
import { printQuery } from '../../src/query/traceql/printer.ts';
import { renderCaret, TraceqlError } from '../../src/query/traceql/traceql-error.ts';
import { REPOSITORY } from '../support/run.ts';

// Queries as data: test/query/queries/*.txt. A case is a block of lines between empty ones:
//
//   ? { duration =~ "x" }        the query, a line each
//     ^^^^^^^^                   below the line of the fault: where it is
//   ! validation: …              what kind of fault, and what is said of it
//   > …                          the hint
//
// or, where it is sound, `= ` and its canonical text. A line that begins with # is a heading.

export interface QueryCase {
  readonly query: string;
  /** The whole block. */
  readonly block: string;
}

/** Reads the cases of a file in test/query/queries. */
export function readQueries(name: string): readonly QueryCase[] {
  return readFileSync(join(REPOSITORY, 'test/query/queries', `${name}.txt`), 'utf8')
    .trimEnd()
    .split('\n\n')
    .filter(block => !block.startsWith('#'))
    .map(block => ({ query: linesOf(block).join('\n'), block }));
}

/** What becomes of a query, written as a block. */
export function outcomeOf(query: string, options?: ParseOptions): string {
  try {
    const text = printQuery(parseQuery(query, options));
    return [...query.split('\n').map(line => `? ${line}`), `= ${text}`].join('\n');
  } catch (error) {
    if (!(error instanceof TraceqlError)) throw error;
    const lines = query.split('\n').map(line => `? ${line}`);
    const line = query.slice(0, error.from).split('\n').length;
    const [, carets] = renderCaret(query, error, Number.POSITIVE_INFINITY);
    lines.splice(line, 0, `  ${carets}`);
    return [...lines, `! ${error.kind}: ${error.message}`, `> ${error.hint}`].join('\n');
  }
}

function linesOf(block: string): string[] {
  return block
    .split('\n')
    .filter(line => line.startsWith('? '))
    .map(line => line.slice(2));
}
