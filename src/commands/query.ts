import { UserError } from '../errors.ts';
import { type EVERYTHING, narrowed, queryOfConditions } from '../query/flags.ts';
import { metricsWithSpellings, withSpellings } from '../query/semconv.ts';
import type { FieldExpression, MetricsExpression, Pipeline, Query } from '../query/traceql/ast.ts';
import { parseQuery } from '../query/traceql/parse-query.ts';
import { renderCaret, TraceqlError } from '../query/traceql/traceql-error.ts';
import type { CommandContext } from './command.ts';
import { conditionsOf, SEMCONV, STRICT_TRACEQL } from './options.ts';

// What a command is asked for: the query among its arguments, and the filter flags, which narrow what the query sees.

/** A query for traces and spans. */
export type SearchQuery = typeof EVERYTHING;

/**
 * The query that the arguments and flags say. Throws `UserError`, with the place of the fault, where it cannot be read. `withDurations`
 * is false where a command means something else by `--min-duration`.
 */
export function searchQueryOf(
  context: CommandContext,
  text: string | undefined,
  { withDurations = true }: { readonly withDurations?: boolean } = {},
): SearchQuery {
  const conditions = conditionsOf(context, withDurations);
  if (text === undefined) return spelledOut(context, queryOfConditions(conditions));
  const query = readQuery(context, text);
  const { root } = query;
  if (root.kind !== 'pipeline') {
    throw new UserError('the query asks for metrics, not for traces', {
      hint: `tailspan metrics '${text}'`,
    });
  }
  return spelledOut(context, { ...query, root: narrowed(root, conditions) });
}

function spelledOut(context: CommandContext, query: SearchQuery): SearchQuery {
  return context.get(SEMCONV) === true ? { ...query, root: withSpellings(query.root) } : query;
}

/** A metrics query; the flags narrow what each of its parts sees. */
export function metricsQueryOf(context: CommandContext, text: string): Query & { readonly root: MetricsExpression } {
  const query = readQuery(context, text);
  if (query.root.kind === 'pipeline') {
    throw new UserError('the query asks for traces, not for metrics', {
      hint: `put a function behind it: '${text} | rate()'`,
    });
  }
  const root = narrowedMetrics(query.root, conditionsOf(context, true));
  return { ...query, root: context.get(SEMCONV) === true ? metricsWithSpellings(root) : root };
}

function narrowedMetrics(expression: MetricsExpression, conditions: readonly FieldExpression[]): MetricsExpression {
  if (expression.kind === 'metrics') {
    const pipeline: Pipeline = { kind: 'pipeline', stages: expression.stages, from: 0, to: 0 };
    return { ...expression, stages: narrowed(pipeline, conditions).stages };
  }
  const operand = (side: (typeof expression)['left']) =>
    side.kind === 'literal' ? side : narrowedMetrics(side, conditions);
  return { ...expression, left: operand(expression.left), right: operand(expression.right) };
}

function readQuery(context: CommandContext, text: string): Query {
  try {
    return parseQuery(text, { strict: context.get(STRICT_TRACEQL) === true });
  } catch (error) {
    if (!(error instanceof TraceqlError)) throw error;
    const { kind, from, to, expected, message, hint } = error;
    throw new UserError(message, {
      hint,
      excerpt: renderCaret(text, error, context.screen.width - 2),
      details: { kind, query: text, from, to, expected },
      cause: error,
    });
  }
}
