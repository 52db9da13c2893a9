import { UserError } from '../errors.ts';
import { type EVERYTHING, narrowed, queryOfConditions } from '../query/flags.ts';
import type { FieldExpression, MetricsExpression, Pipeline, Query } from '../query/traceql/ast.ts';
import type { CommandContext } from './command.ts';
import { conditionsOf, SEMCONV, STRICT_TRACEQL } from './options.ts';

// What a command is asked for: the query among its arguments, and the filter flags, which narrow what the query sees. The language is loaded
// where there is a query in it.

/** A query for traces and spans. */
export type SearchQuery = typeof EVERYTHING;

/**
 * The query that the arguments and flags say. Throws `UserError`, with the place of the fault, where it cannot be read. `withDurations`
 * is false where a command means something else by `--min-duration`.
 */
export async function searchQueryOf(
  context: CommandContext,
  text: string | undefined,
  { withDurations = true }: { readonly withDurations?: boolean } = {},
): Promise<SearchQuery> {
  const conditions = conditionsOf(context, withDurations);
  if (text === undefined) return spelledOut(context, queryOfConditions(conditions));
  const query = await readSearchQuery(context, text);
  return spelledOut(context, { ...query, root: narrowed(query.root, conditions) });
}

/** A query for traces and spans that no flags narrow. Throws `UserError`, with the place of the fault, where it cannot be read. */
export async function readSearchQuery(context: CommandContext, text: string): Promise<SearchQuery> {
  const query = await readQuery(context, text);
  const { root } = query;
  if (root.kind !== 'pipeline') {
    throw new UserError('the query asks for metrics, not for traces', {
      hint: `tailspan metrics '${text}'`,
    });
  }
  return { ...query, root };
}

async function spelledOut(context: CommandContext, query: SearchQuery): Promise<SearchQuery> {
  if (context.get(SEMCONV) !== true) return query;
  const { withSpellings } = await import('../query/semconv.ts');
  return { ...query, root: withSpellings(query.root) };
}

/** A metrics query; the flags narrow what each of its parts sees. */
export async function metricsQueryOf(
  context: CommandContext,
  text: string,
): Promise<Query & { readonly root: MetricsExpression }> {
  const query = await readQuery(context, text);
  if (query.root.kind === 'pipeline') {
    throw new UserError('the query asks for traces, not for metrics', {
      hint: `put a function behind it: '${text} | rate()'`,
    });
  }
  const root = narrowedMetrics(query.root, conditionsOf(context, true));
  if (context.get(SEMCONV) !== true) return { ...query, root };
  const { metricsWithSpellings } = await import('../query/semconv.ts');
  return { ...query, root: metricsWithSpellings(root) };
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

async function readQuery(context: CommandContext, text: string): Promise<Query> {
  const { parseQuery } = await import('../query/traceql/parse-query.ts');
  const { renderCaret, TraceqlError } = await import('../query/traceql/traceql-error.ts');
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
