import type {
  Aggregate,
  AggregateName,
  Hint,
  MetricsExpression,
  NumericLiteral,
  Pipeline,
  Place,
  Query,
  ScalarExpression,
  ScalarFilter,
  SpansetExpression,
  Stage,
} from './ast.ts';
import { findNumber, findValue, parseFieldExpression, parseFieldList, parseFilter } from './field-parser.ts';
import { findIntrinsic } from './fields.ts';
import type { Token } from './lexer.ts';
import { findMetricsFunction, METRICS, parseSecondStages, RANKS, seriesFilter } from './metrics-parser.ts';
import { Binding, isArithmetic, isLogical, isMetricsOperator, isOrder, isStructural } from './operators.ts';
import { nearest } from './suggestions.ts';
import { TokenReader } from './token-reader.ts';
import { TraceqlError } from './traceql-error.ts';

// A Pratt parser of whole queries. `( … )` may hold a set of spans, a pipeline, a number or a metrics query, and only
// its end tells which; so one routine reads them all, and `combine` says which operators their kinds allow.

/** How long a query may be, in UTF-16 units; Grafana Tempo reads as many bytes. */
export const MAX_LENGTH = 131_072;

const AGGREGATES = ['count', 'avg', 'min', 'max', 'sum'] as const satisfies AggregateName[];
const STAGES = ['by', 'select', 'coalesce', ...AGGREGATES, ...METRICS];

/** What an operand can be before it is known what it is for. */
type Operand = SpansetExpression | ScalarExpression | ScalarFilter | MetricsExpression;

/** Reads a query without checking its types. Throws `TraceqlError` of kind `parse`. */
export function parseSyntax(text: string): Query {
  if (text.length > MAX_LENGTH) {
    const message = `the query is ${text.length} characters long, and at most ${MAX_LENGTH} are read`;
    const place = { from: MAX_LENGTH, to: MAX_LENGTH };
    throw new TraceqlError('parse', place, message, { hint: 'ask in several queries' });
  }
  const reader = new TokenReader(text);
  const first = reader.current;
  if (first.type === 'end') throw reader.fault(['a query'], 'the query { } finds every span');
  const root = parsePipeline(reader);
  if (isScalar(root)) throw lonelyNumber(root);
  const hints = parseHints(reader);
  if (reader.current.type !== 'end') {
    if (hints.length > 0) throw reader.fault(['the end of the query'], 'hints stand at the end');
    throw reader.fault(['|', 'the end of the query'], hintAtTop(reader));
  }
  const query = isMetrics(root) ? root : asPipeline(root);
  return { kind: 'query', root: query, hints, from: first.from, to: reader.end };
}

/** Reads stages up to what cannot be one more. A single set of spans, number or metrics query is returned as it is. */
function parsePipeline(reader: TokenReader): Operand {
  const { from } = reader.current;
  const stages: Stage[] = [];
  for (;;) {
    const metric = stages.length > 0 ? findMetricsFunction(reader) : undefined;
    if (metric !== undefined)
      return parseSecondStages(reader, {
        kind: 'metrics',
        stages,
        function: metric,
        secondStages: [],
        from,
        to: reader.end,
      });
    const stage = parseStage(reader, stages.length === 0);
    if (isMetrics(stage)) {
      if (stages.length > 0)
        throw new TraceqlError('parse', stage, 'a metrics query cannot be a stage of another', {
          hint: 'put both in brackets with + - * or / between them',
        });
      return parseSecondStages(reader, stage);
    }
    if (isScalar(stage)) {
      if (reader.operator === '|') throw lonelyNumber(stage);
      if (stages.length === 0) return stage;
      return scalarPipeline(reader, stages, stage, from);
    }
    if (stage.kind === 'pipeline') stages.push(...stage.stages);
    else stages.push(stage);
    if (!reader.take('|')) break;
  }
  const [only] = stages;
  if (stages.length === 1 && only !== undefined && isSpanset(only)) return only;
  return reader.made({ kind: 'pipeline', stages, from, to: reader.end });
}

function scalarPipeline(
  reader: TokenReader,
  stages: readonly Stage[],
  value: ScalarExpression,
  from: number,
): ScalarExpression {
  const { end: to } = reader;
  if (value.kind !== 'scalar-pipeline') return reader.made({ kind: 'scalar-pipeline', stages, value, from, to });
  return reader.made({ ...value, stages: [...stages, ...value.stages], from, to });
}

function parseStage(reader: TokenReader, isFirst: boolean): Stage | Operand {
  const { from } = reader.current;
  const next = reader.peek();
  const isCall = next.type === 'operator' && next.text === '(';
  switch (isCall ? reader.word : undefined) {
    case 'by': {
      open(reader);
      const expression = parseFieldExpression(reader);
      reader.expect(
        ')',
        reader.operator === ',' ? 'group by one thing after the other: by(name) | by(kind)' : undefined,
      );
      return reader.made({ kind: 'by', expression, from, to: reader.end });
    }
    case 'select': {
      open(reader);
      return reader.made({ kind: 'select', fields: parseFieldList(reader), from, to: reader.end });
    }
    case 'coalesce':
      if (isFirst) throw reader.fault(['{', '('], 'coalesce() undoes an earlier by(): { } | by(name) | coalesce()');
      open(reader);
      reader.expect(')', 'coalesce() takes nothing');
      return { kind: 'coalesce', from, to: reader.end };
    default:
      return climbOperands(reader);
  }
}

function climbOperands(reader: TokenReader): Operand {
  return reader.climb<Operand>(
    Binding.logical,
    () => parseOperand(reader),
    (token, operands, place) => combine(reader, token, operands, place),
  );
}

function parseOperand(reader: TokenReader): Operand {
  const { from } = reader.current;
  if (reader.operator === '{') return parseFilter(reader);
  if (reader.take('(')) {
    const inner = reader.nest(() => parsePipeline(reader));
    if (!reader.take(')')) throw reader.fault([')', '|', 'an operator'], hintAtTop(reader));
    return inner;
  }
  const number = findNumber(reader);
  if (number !== undefined) return number;
  const name = AGGREGATES.find(word => word === reader.word);
  if (name === undefined) throw reader.fault(['{', '('], hintForStart(reader));
  reader.advance();
  reader.expect('(');
  return parseAggregate(reader, name, from);
}

function parseAggregate(reader: TokenReader, name: AggregateName, from: number): Aggregate {
  if (name === 'count') {
    reader.expect(')', 'count() takes nothing; it counts the spans that the stages before it leave');
    return { kind: 'aggregate', name, expression: undefined, from, to: reader.end };
  }
  const expression = parseFieldExpression(reader);
  reader.expect(')');
  return reader.made({ kind: 'aggregate', name, expression, from, to: reader.end });
}

function combine(
  reader: TokenReader,
  operator: Token & { type: 'operator' },
  operands: readonly [Operand, Operand, ...Operand[]],
  { from, to }: Place,
): Operand {
  const { text } = operator;
  const [left, right] = operands;
  if (operands.every(isSpanset)) {
    if (isLogical(text)) {
      const [head, ...tail] = operands;
      const isChain = head.kind === 'spanset-logical' && head.operator === text;
      const all = isChain ? [...head.operands, ...tail] : operands;
      return reader.made({ kind: 'spanset-logical', operator: text, operands: all, from, to });
    }
    if (isStructural(text) && isSpanset(left) && isSpanset(right)) {
      return reader.made({ kind: 'structural', operator: text, left, right, from, to });
    }
    throw mismatch(operator, 'sets of spans', '&& || > >> < << ~, their negations !> … and unions &> …');
  }
  if (isScalar(left) && isScalar(right)) {
    if (isArithmetic(text)) return reader.made({ kind: 'scalar-binary', operator: text, left, right, from, to });
    if (isOrder(text)) return reader.made({ kind: 'scalar-filter', operator: text, left, right, from, to });
    throw mismatch(operator, 'numbers', '= != < <= > >= + - * / % and ^');
  }
  if (isMetrics(left) && isOrder(text) && right.kind === 'literal') {
    return reader.made({
      ...left,
      secondStages: [...left.secondStages, seriesFilter(text, right, operator)],
      from,
      to,
    });
  }
  if (isSeries(left) && isSeries(right) && isMetricsOperator(text)) {
    return reader.made({ kind: 'metrics-binary', operator: text, left, right, secondStages: [], from, to });
  }
  const strange = operands.find(operand => describe(operand) !== describe(left)) ?? right;
  throw new TraceqlError('parse', strange, `${text} cannot stand between ${describe(left)} and ${describe(strange)}`, {
    hint:
      isMetrics(left) || isMetrics(right)
        ? 'metrics queries in brackets take + - * / between them, and a comparison with a number behind them'
        : 'spans become a number by an aggregate: { } | count() > 2',
  });
}

function mismatch(operator: Token & { type: 'operator' }, operands: string, known: string): TraceqlError {
  return new TraceqlError('parse', operator, `${operator.text} cannot stand between ${operands}`, {
    hint: `${operands} take ${known}`,
  });
}

// Hints

function parseHints(reader: TokenReader): readonly Hint[] {
  const hints: Hint[] = [];
  while (reader.word === 'with') {
    open(reader);
    do {
      const { from } = reader.current;
      if (reader.word === undefined) throw reader.fault(['the name of a hint'], 'such as with(most_recent=true)');
      const name = reader.word;
      reader.advance();
      reader.expect('=');
      const value = findValue(reader);
      if (value === undefined) throw reader.fault(['a value'], 'such as with(most_recent=true)');
      hints.push({ kind: 'hint', name, value, from, to: reader.end });
    } while (reader.take(','));
    if (!reader.take(')')) throw reader.fault([',', ')']);
  }
  return hints;
}

// Kinds of operands, and what to say where they are wrong

function isSpanset(node: Stage | Operand): node is SpansetExpression {
  return ['filter', 'spanset-logical', 'structural', 'pipeline'].includes(node.kind);
}

function isScalar(node: Stage | Operand): node is ScalarExpression {
  return ['literal', 'aggregate', 'scalar-binary', 'scalar-pipeline'].includes(node.kind);
}

function isMetrics(node: Stage | Operand): node is MetricsExpression {
  return node.kind === 'metrics' || node.kind === 'metrics-binary';
}

function isSeries(node: Operand): node is MetricsExpression | NumericLiteral {
  return isMetrics(node) || node.kind === 'literal';
}

function asPipeline(node: Exclude<Operand, ScalarExpression | MetricsExpression>): Pipeline {
  return node.kind === 'pipeline' ? node : { kind: 'pipeline', stages: [node], from: node.from, to: node.to };
}

function describe(operand: Operand): string {
  if (isMetrics(operand)) return 'a metrics query';
  if (isScalar(operand)) return 'a number';
  return operand.kind === 'scalar-filter' ? 'a comparison' : 'a set of spans';
}

function lonelyNumber(node: ScalarExpression): TraceqlError {
  const isLiteral = node.kind === 'literal';
  return new TraceqlError(
    'parse',
    node,
    isLiteral ? 'a number finds no spans' : 'an aggregate is a number, which has to be compared',
    {
      hint: 'such as { } | count() > 2',
      expected: ['= != < <= > >='],
    },
  );
}

function open(reader: TokenReader): void {
  reader.advance();
  reader.expect('(');
}

/** Says what was meant where a set of spans should begin. */
function hintForStart(reader: TokenReader): string | undefined {
  const { current, word, operator } = reader;
  if (operator === '!') return '! negates a condition in braces: { !(.a = 1) }';
  if (current.type === 'string') return `strings are compared in braces: { name = ${reader.source(current)} }`;
  if (current.type === 'attribute' || current.type === 'intrinsic') {
    return `conditions stand in braces: { ${reader.source(current)} != nil }`;
  }
  if (word === undefined) return undefined;
  if (word === 'with') return 'hints follow without |: { } with(most_recent=true)';
  if (findIntrinsic(word) !== undefined) return `conditions stand in braces: { ${word} != nil }`;
  if (METRICS.includes(word)) return `${word}() stands behind a set of spans: { } | ${word}(`;
  if (RANKS.some(name => name === word))
    return `${word}() stands behind a metrics function: { } | rate() by (name) | ${word}(5)`;
  const near = nearest(word, STAGES);
  if (near !== undefined) return near === word ? `brackets follow: ${word}(` : `did you mean ${near}()?`;
  const next = reader.peek();
  if (next.type === 'operator' && next.text === '(') return `stages are ${STAGES.join(', ')}`;
  return 'conditions stand in braces: { name = "GET /" }';
}

/** Says what was meant behind a complete query or in its brackets. */
function hintAtTop(reader: TokenReader): string | undefined {
  const { operator, word } = reader;
  if (operator === '{') return 'sets of spans are related by && || > >> < << ~, or piped by |';
  if (operator === ')' || operator === '}') return `there is no ${operator === ')' ? '(' : '{'} for it`;
  if (word === 'and' || word === 'or') return `"${word}" is written ${word === 'and' ? '&&' : '||'}`;
  if (word !== undefined && STAGES.includes(word)) return `a stage begins with |: | ${word}(`;
  if (word !== undefined && nearest(word, ['with']) !== undefined) return 'hints are written with(name=value)';
  return undefined;
}
