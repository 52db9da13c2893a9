import type { Query } from './ast.ts';
import { checkQuery } from './checker.ts';
import { refuseExtensions } from './extensions.ts';
import { parseSyntax } from './parser.ts';

// The way into TraceQL: text to a checked tree. https://grafana.com/docs/tempo/latest/traceql/ describes the language;
// grammar and types follow pkg/traceql of github.com/grafana/tempo, and what goes beyond them is in extensions.ts.

export interface ParseOptions {
  /** Refuses what is an extension of tailspan, so that the query runs on Grafana Tempo too. */
  readonly strict?: boolean;
}

/**
 * Reads and checks a TraceQL query. Throws `TraceqlError`: of kind `parse` for what is no TraceQL, of kind `validation`
 * for what can mean nothing whatever the data (types, ranges, unknown hints, and extensions where `strict`).
 */
export function parseQuery(text: string, { strict = false }: ParseOptions = {}): Query {
  const query = parseSyntax(text);
  checkQuery(query);
  if (strict) refuseExtensions(query);
  return query;
}
