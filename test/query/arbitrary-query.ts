import fc from 'fast-check';
import { SPAN_KINDS, STATUS_CODES } from '../../src/model/status.ts';
import type {
  Aggregate,
  Attribute,
  Binary,
  Field,
  FieldExpression,
  Intrinsic,
  Literal,
  MetricsExpression,
  MetricsFunction,
  Node,
  NumericLiteral,
  Pipeline,
  Query,
  ScalarExpression,
  SecondStage,
  SpansetExpression,
  SpansetFilter,
  Stage,
} from '../../src/query/traceql/ast.ts';
import type { AttributeScope, Holder, IntrinsicName } from '../../src/query/traceql/fields.ts';
import { isStructural, STRUCTURE } from '../../src/query/traceql/operators.ts';

// Queries for properties: sound, and in the words of the traces of test/support/arbitraries.ts, so that many of them
// match something there. Nodes stand at no place in any text; `withoutPlaces` makes what was parsed comparable.

const NOWHERE = { from: 0, to: 0 };

/** An arbitrary node of a kind, from arbitraries of its parts. */
function node<K extends Node['kind'], P extends object>(kind: K, parts: { [N in keyof P]: fc.Arbitrary<P[N]> }) {
  return fc.record<P>(parts).map(chosen => ({ kind, ...chosen, ...NOWHERE }));
}

const oneOf = fc.constantFrom;
const often = <T>(arbitrary: fc.Arbitrary<T>) => ({ weight: 6, arbitrary });

/** Names, services and attributes as in `traceSpans`, and some that no trace has. */
const STRINGS = ['a', 'b', 'GET /', 'SELECT', 'web', 'cart', 'bank', '', 'say "hi"\\\n', '🦊'];
const KEYS = ['http.route', 'db.system', 'peer', 'k', 'service.name'];
const ODD_KEYS = ['', 'name', 'span.x', '4xx', 'a b', '"', '\\', '{}', 'a//b', '.a', 'a+b-c*d', '値'];
const PATTERNS = ['a|b', 'GET.*', '.*', '[a-c]+', '(?i)select', '\\w+ /', ''];
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

const ORDER = oneOf('=', '!=', '<', '<=', '>', '>=');
const EQUALITY = oneOf('=', '!=');
const ARITHMETIC = oneOf('+', '-', '*', '/', '%', '^');
const LOGICAL = oneOf('&&', '||');
const STRUCTURAL = oneOf(...Object.keys(STRUCTURE).filter(isStructural));

// Values

function literal<T extends Literal['type'], V>(type: T, value: fc.Arbitrary<V>) {
  return node('literal', { type: fc.constant(type), value });
}

const integers = (min: bigint, max: bigint) => literal('int', fc.bigInt({ min, max }));
const numbers: fc.Arbitrary<NumericLiteral> = fc.oneof(
  integers(-3n, 40n),
  integers(INT64.min, INT64.max),
  literal('float', oneOf(0.5, 1, -2.5, 1e21, -0)),
  literal('float', fc.double({ noNaN: true, noDefaultInfinity: true })),
  literal('duration', fc.bigInt({ min: 0n, max: 40n })),
  literal('duration', fc.bigInt({ min: 0n, max: 1_000_000n })),
  literal('duration', fc.bigInt({ min: INT64.min + 1n, max: INT64.max })),
);
const strings = literal('string', fc.oneof(often(oneOf(...STRINGS)), fc.string({ unit: 'grapheme', maxLength: 8 })));
const patterns = literal('string', oneOf(...PATTERNS));
const booleans = literal('bool', fc.boolean());
const statuses = literal('status', oneOf(...STATUS_CODES));
const kinds = literal('kind', oneOf(...SPAN_KINDS));

// Fields

const holders: fc.Arbitrary<Holder> = fc.oneof(often(fc.constant('self' as const)), oneOf('parent', 'ancestor'));
const scopes: fc.Arbitrary<AttributeScope> = oneOf('any', 'any', 'span', 'span', 'resource');

export const attributes: fc.Arbitrary<Attribute> = fc.oneof(
  often(node('attribute', { holder: holders, scope: scopes, name: oneOf(...KEYS) })),
  node('attribute', {
    holder: holders,
    scope: scopes,
    name: fc.oneof(oneOf(...ODD_KEYS), fc.string({ maxLength: 5 })),
  }),
  node('attribute', {
    holder: fc.constant('self' as const),
    scope: oneOf('event', 'link', 'instrumentation'),
    name: oneOf(...KEYS),
  }),
);

/** Intrinsics of the span, its parent or its ancestors, and those that only the span itself can be asked for. */
function intrinsics(ofSpans: readonly IntrinsicName[], others: readonly IntrinsicName[] = []): fc.Arbitrary<Intrinsic> {
  return fc.oneof(
    often(node('intrinsic', { holder: fc.constant('self' as const), name: oneOf(...ofSpans, ...others) })),
    node('intrinsic', { holder: holders, name: oneOf(...ofSpans) }),
  );
}

const stringFields = intrinsics(
  ['name', 'statusMessage', 'span:id'],
  ['trace:rootName', 'trace:rootService', 'event:name', 'link:spanID', 'instrumentation:name'],
);
const numberFields = intrinsics(
  ['duration', 'span:childCount', 'span:startTime'],
  ['trace:duration', 'event:timeSinceStart', 'nestedSetLeft', 'nestedSetRight', 'nestedSetParent'],
);
const statusFields = intrinsics(['status']);
const kindFields = intrinsics(['kind']);
const missingFields = intrinsics(
  ['span:parentID'],
  ['parent', 'trace:rootName', 'event:name', 'instrumentation:version'],
);
const fields: fc.Arbitrary<Field> = fc.oneof(
  attributes,
  attributes,
  stringFields,
  numberFields,
  statusFields,
  kindFields,
);

// Expressions over one span

function binary(
  operator: fc.Arbitrary<Binary['operator']>,
  left: fc.Arbitrary<FieldExpression>,
  right: fc.Arbitrary<FieldExpression>,
): fc.Arbitrary<Binary> {
  return node('binary', { operator, left, right });
}

type Expressions = { number: FieldExpression; condition: FieldExpression };

const expressions = fc.letrec<Expressions>(tie => ({
  number: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    attributes,
    numberFields,
    numbers,
    binary(ARITHMETIC, tie('number'), tie('number')),
    // A minus before a number would be a negative number.
    node('unary', {
      operator: fc.constant('-' as const),
      operand: tie('number').filter(operand => operand.kind !== 'literal'),
    }),
  ),
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    binary(EQUALITY, attributes, fc.oneof(strings, numbers, booleans, statuses, kinds, attributes)),
    binary(ORDER, attributes, fc.oneof(strings, numbers, attributes)),
    binary(ORDER, stringFields, fc.oneof(strings, stringFields, attributes)),
    binary(EQUALITY, statusFields, statuses),
    binary(EQUALITY, kinds, kindFields),
    binary(oneOf('=~', '!~'), fc.oneof(attributes, stringFields), patterns),
    fc.oneof(attributes, booleans),
    node('exists', { isNegated: fc.boolean(), operand: fc.oneof(attributes, missingFields) }),
    binary(ORDER, tie('number'), tie('number')),
    binary(EQUALITY, tie('condition'), fc.oneof(booleans, tie('condition'))),
    node('unary', { operator: fc.constant('!' as const), operand: tie('condition') }),
    node('logical', { operator: LOGICAL, operands: several(tie('condition')) }).map(asChain),
  ),
}));

/** Expressions that are numbers, or may be. */
export const numberExpressions = expressions.number;
/** Expressions that are true or false, or may be. */
export const conditions = expressions.condition;

function several<T>(operand: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(operand, { minLength: 2, maxLength: 3 });
}

/** A chain of one operator is one node. */
function asChain<
  T extends { kind: string },
  C extends { kind: string; operator: string; operands: readonly (T | C)[] },
>(chain: C): C {
  const [first, ...others] = chain.operands;
  const isChain = first?.kind === chain.kind && 'operator' in first && first.operator === chain.operator;
  return isChain ? { ...chain, operands: [...first.operands, ...others] } : chain;
}

// Sets of spans, pipelines, and numbers about them

export const filters: fc.Arbitrary<SpansetFilter> = node('filter', {
  condition: fc.oneof(literal('bool', fc.constant(true)), conditions, conditions),
});

const EVERYTHING: SpansetFilter = {
  kind: 'filter',
  condition: { kind: 'literal', type: 'bool', value: true, ...NOWHERE },
  ...NOWHERE,
};

const aggregates: fc.Arbitrary<Aggregate> = fc.oneof(
  node('aggregate', { name: fc.constant('count' as const), expression: fc.constant(undefined) }),
  node('aggregate', {
    name: oneOf('avg', 'min', 'max', 'sum'),
    expression: fc.oneof(attributes, numberFields, binary(oneOf('+', '*'), numberFields, numberExpressions)),
  }),
);

type Pipelines = {
  spanset: SpansetExpression;
  pipeline: Pipeline;
  stage: Stage;
  scalar: ScalarExpression;
};

const grammar = fc.letrec<Pipelines>(tie => ({
  spanset: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    filters,
    node('structural', { operator: STRUCTURAL, left: tie('spanset'), right: tie('spanset') }),
    node('spanset-logical', { operator: LOGICAL, operands: several(tie('spanset')) }).map(asChain),
    tie('pipeline').map(asOperand),
  ),
  pipeline: fc.array(tie('stage'), { minLength: 1, maxLength: 3 }).map(asPipeline),
  stage: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    filters,
    node('by', { expression: fc.oneof(fields, binary(ORDER, numberFields, numbers)) }),
    node('coalesce', {}),
    node('select', { fields: fc.array(fields, { minLength: 1, maxLength: 3 }) }),
    node('scalar-filter', { operator: ORDER, left: tie('scalar'), right: numbers }),
    node('scalar-filter', { operator: ORDER, left: aggregates, right: tie('scalar') }),
    tie('spanset'),
  ),
  scalar: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    aggregates,
    node('scalar-binary', { operator: ARITHMETIC, left: tie('scalar'), right: fc.oneof(numbers, tie('scalar')) }),
    fc
      .tuple(tie('pipeline'), aggregates)
      .map(([{ stages }, value]): ScalarExpression => ({ kind: 'scalar-pipeline', stages, value, ...NOWHERE })),
  ),
}));

/** Sets of spans: filters, relations, combinations, pipelines in brackets. */
export const spansets = grammar.spanset;

/** No pipeline is a stage of another, and none begins with coalesce(). */
function asPipeline(stages: readonly Stage[]): Pipeline {
  const flat = stages.flatMap(stage => (stage.kind === 'pipeline' ? stage.stages : [stage]));
  return { kind: 'pipeline', stages: flat[0]?.kind === 'coalesce' ? [EVERYTHING, ...flat] : flat, ...NOWHERE };
}

/** A pipeline of one set of spans is that set. */
function asOperand(pipeline: Pipeline): SpansetExpression {
  const [only, ...others] = pipeline.stages;
  const isSet = only?.kind === 'filter' || only?.kind === 'structural' || only?.kind === 'spanset-logical';
  return isSet && others.length === 0 ? only : pipeline;
}

const hints = fc
  .subarray(['most_recent', 'exemplars', 'sample'], { maxLength: 2 })
  .chain(names => fc.tuple(...names.map(name => node('hint', { name: fc.constant(name), value: booleans }))));

/** Queries for spans. */
export const searchQueries: fc.Arbitrary<Query> = node('query', { root: grammar.pipeline, hints });

// Metrics

const by = fc.array(fields, { maxLength: 2 });
const measured: fc.Arbitrary<Field> = fc.oneof(attributes, numberFields);

const metricsFunctions: fc.Arbitrary<MetricsFunction> = fc.oneof(
  node('span-metric', { name: oneOf('rate', 'count_over_time'), by }),
  node('field-metric', {
    name: oneOf('min_over_time', 'max_over_time', 'avg_over_time', 'sum_over_time', 'histogram_over_time'),
    field: measured,
    by,
  }),
  node('quantile-metric', {
    name: fc.constant('quantile_over_time' as const),
    field: measured,
    quantiles: fc.array(literal('float', oneOf(0.5, 0.9, 0.99, 1)), { minLength: 1, maxLength: 3 }),
    by,
  }),
);

const compareParts = { name: fc.constant('compare' as const), selection: filters };
const comparisons: fc.Arbitrary<MetricsFunction> = fc.oneof(
  node('compare-metric', { ...compareParts, topN: fc.constant(undefined), window: fc.constant(undefined) }),
  node('compare-metric', {
    ...compareParts,
    topN: integers(1n, 20n),
    window: fc.option(fc.record({ start: integers(1n, 10n), end: integers(11n, 20n) }), { nil: undefined }),
  }),
);

const secondStages: fc.Arbitrary<readonly SecondStage[]> = fc.array(
  fc.oneof(
    node('rank', { name: oneOf('topk', 'bottomk'), count: integers(1n, 9n) }),
    node('series-filter', { operator: ORDER, value: numbers }),
  ),
  { maxLength: 2 },
);

function metricsQuery(
  functions: fc.Arbitrary<MetricsFunction>,
  after: fc.Arbitrary<readonly SecondStage[]>,
): fc.Arbitrary<MetricsExpression> {
  return fc.tuple(grammar.pipeline, functions, after).map(([{ stages }, chosen, second]) => ({
    kind: 'metrics',
    stages,
    function: chosen,
    secondStages: second,
    ...NOWHERE,
  }));
}

type Metrics = { metrics: MetricsExpression };

const { metrics } = fc.letrec<Metrics>(tie => {
  const operator = oneOf('+', '-', '*', '/');
  return {
    metrics: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      metricsQuery(metricsFunctions, secondStages),
      node('metrics-binary', {
        operator,
        left: tie('metrics'),
        right: fc.oneof(tie('metrics'), numbers),
        secondStages,
      }),
      node('metrics-binary', { operator, left: numbers, right: tie('metrics'), secondStages }),
    ),
  };
});

/** Queries for series over time. */
export const metricsQueries: fc.Arbitrary<Query> = node('query', {
  root: fc.oneof(often(metrics), metricsQuery(comparisons, fc.constant([]))),
  hints,
});

/** Returns a node as if it stood nowhere, for comparisons of trees. */
export function withoutPlaces(tree: Node): unknown {
  const text = JSON.stringify(tree, (key, value: unknown) => {
    if (key === 'from' || key === 'to') return undefined;
    if (typeof value === 'bigint') return `int64 ${value}`;
    return Object.is(value, -0) ? '-0' : value;
  });
  return JSON.parse(text);
}
