import type {
  Field,
  MetricsExpression,
  MetricsFunction,
  MetricsOperation,
  MetricsQuery,
  NumericLiteral,
  Place,
  SecondStage,
} from './ast.ts';
import { findNumber, parseField, parseFieldList, parseFilter } from './field-parser.ts';
import { isMetricsOperator, isOrder, type OrderOperator } from './operators.ts';
import type { TokenReader } from './token-reader.ts';

// Metrics functions, and what follows them: comparisons with a number, topk and bottomk.

const SPAN_METRICS = ['rate', 'count_over_time'] as const;
const FIELD_METRICS = [
  ...(['min_over_time', 'max_over_time', 'avg_over_time', 'sum_over_time', 'histogram_over_time'] as const),
];
export const RANKS = ['topk', 'bottomk'] as const;
export const METRICS = [...SPAN_METRICS, ...FIELD_METRICS, 'quantile_over_time', 'compare'];
/** Reads a metrics function; undefined where there is none. */
export function findMetricsFunction(reader: TokenReader): MetricsFunction | undefined {
  const { word, current } = reader;
  const { from } = current;
  if (word === undefined || !METRICS.includes(word)) return undefined;
  reader.advance();
  reader.expect('(');
  const spanMetric = SPAN_METRICS.find(name => name === word);
  if (spanMetric !== undefined) {
    reader.expect(')', `${word}() takes nothing; it counts spans`);
    const by = parseBy(reader);
    return reader.made({ kind: 'span-metric', name: spanMetric, by, from, to: reader.end });
  }
  if (word === 'compare') return parseCompare(reader, from);
  const field = parseField(reader);
  const fieldMetric = FIELD_METRICS.find(name => name === word);
  if (fieldMetric !== undefined) {
    reader.expect(')', `${word}() takes one attribute or intrinsic`);
    const by = parseBy(reader);
    return reader.made({ kind: 'field-metric', name: fieldMetric, field, by, from, to: reader.end });
  }
  reader.expect(',', 'quantile_over_time(duration, 0.5, 0.99) takes the quantiles behind the attribute');
  const quantiles = [expectNumber(reader, ['a quantile from 0 to 1'])];
  while (reader.take(',')) quantiles.push(expectNumber(reader, ['a quantile from 0 to 1']));
  if (!reader.take(')')) throw reader.fault([',', ')']);
  const by = parseBy(reader);
  return reader.made({
    kind: 'quantile-metric',
    name: 'quantile_over_time',
    field,
    quantiles,
    by,
    from,
    to: reader.end,
  });
}

function parseBy(reader: TokenReader): readonly Field[] {
  if (reader.word !== 'by') return [];
  reader.advance();
  reader.expect('(');
  return parseFieldList(reader);
}

function parseCompare(reader: TokenReader, from: number): MetricsFunction {
  if (reader.operator !== '{')
    throw reader.fault(['{'], 'compare({ status = error }, 10) takes the spans to select first');
  const selection = parseFilter(reader);
  const numbers: NumericLiteral[] = [];
  while (numbers.length < 3 && reader.take(',')) numbers.push(expectNumber(reader, ['a whole number']));
  const [topN, start, end] = numbers;
  if (start !== undefined && end === undefined) throw reader.fault([','], 'a start of the selection takes an end too');
  if (!reader.take(')')) throw reader.fault(numbers.length === 3 ? [')'] : [',', ')']);
  const window = start === undefined || end === undefined ? undefined : { start, end };
  return reader.made({ kind: 'compare-metric', name: 'compare', selection, topN, window, from, to: reader.end });
}

/** Reads what follows a metrics function: comparisons with a number, and `| topk(n)` or `| bottomk(n)`. */
export function parseSecondStages(reader: TokenReader, query: MetricsQuery | MetricsOperation): MetricsExpression {
  const stages: SecondStage[] = [...query.secondStages];
  for (;;) {
    const { current, operator } = reader;
    if (operator !== undefined && isOrder(operator)) {
      reader.advance();
      stages.push(seriesFilter(operator, expectNumber(reader, ['a number', 'a duration']), current));
    } else if (reader.take('|')) stages.push(parseRank(reader));
    else break;
  }
  if (reader.operator !== undefined && isMetricsOperator(reader.operator)) {
    throw reader.fault(
      ['|', 'a comparison', 'the end of the query'],
      'arithmetic needs brackets: ({ } | rate()) / ({ } | rate())',
    );
  }
  return reader.made({ ...query, secondStages: stages, to: reader.end });
}

function parseRank(reader: TokenReader): SecondStage {
  const { from } = reader.current;
  const name = RANKS.find(word => word === reader.word);
  if (name === undefined)
    throw reader.fault([...RANKS], `behind a metrics function only ${RANKS.join(', ')} and comparisons follow`);
  reader.advance();
  reader.expect('(');
  const count = expectNumber(reader, ['a number of series']);
  reader.expect(')', `${name}(5) takes one whole number`);
  return { kind: 'rank', name, count, from, to: reader.end };
}

export function seriesFilter(operator: OrderOperator, value: NumericLiteral, { from }: Place): SecondStage {
  return { kind: 'series-filter', operator, value, from, to: value.to };
}

function expectNumber(reader: TokenReader, expected: readonly string[]): NumericLiteral {
  const number = findNumber(reader);
  if (number === undefined) throw reader.fault(expected);
  return number;
}
