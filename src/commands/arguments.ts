import { existsSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { isPattern } from '../ingest/source.ts';
import { parseTraceReference, type TraceReference } from '../model/ids.ts';

/** Positional arguments, told apart. */
export interface Arguments {
  readonly trace: TraceReference | undefined;
  /** The text that named the trace. */
  readonly traceText: string | undefined;
  readonly sources: readonly string[];
  /** A query in TraceQL. */
  readonly query: string | undefined;
}

/**
 * Tells arguments apart: one that begins with `{` or `(`, or a number and one of these, is a query, one that names an existing path, is `-` or is a
 * pattern is a source, and where `takesTrace` the first other one is a trace id, the beginning of one, or a header that holds one.
 */
export function readArguments(args: readonly string[], takesTrace: boolean): Arguments {
  const sources: string[] = [];
  let trace: TraceReference | undefined;
  let traceText: string | undefined;
  let query: string | undefined;
  for (const argument of args) {
    if (argument === '') {
      throw new UserError('an argument is empty', { hint: 'a variable of the shell may not be set' });
    }
    if (QUERY.test(argument)) {
      if (query !== undefined) {
        throw new UserError(`'${query}' and '${argument}' are both queries`, {
          hint: 'one at a time; && and || put two into one: { … } && { … }',
        });
      }
      query = argument;
      continue;
    }
    if (argument === '-' || existsSync(argument)) {
      sources.push(argument);
      continue;
    }
    const reference = takesTrace ? parseTraceReference(argument) : undefined;
    if (reference !== undefined && trace !== undefined) {
      throw new UserError(`'${traceText}' and '${argument}' both look like trace ids`, {
        hint: 'one trace at a time; what follows the id is files, and there is none of that name',
      });
    }
    if (reference !== undefined) {
      trace = reference;
      traceText = argument;
      continue;
    }
    if (takesTrace && trace === undefined && !looksLikePath(argument)) {
      throw new UserError(`'${argument}' is neither a file nor a trace id`, {
        hint: 'a trace id is 32 hex digits, or the first 6 and more of them',
      });
    }
    sources.push(argument);
  }
  return { trace, traceText, sources, query };
}

/** How a query begins; arithmetic between metrics may begin with a number. */
const QUERY = /^\s*(?:-?[\d.]+\s*[-+*/]\s*)?[{(]/;

function looksLikePath(text: string): boolean {
  return /[./\\]/.test(text) || isPattern(text);
}
