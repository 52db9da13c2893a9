import type {
  Attribute,
  Field,
  FieldExpression,
  Literal,
  MetricsExpression,
  MetricsFunction,
  Node,
  NumericLiteral,
  Query,
  ScalarExpression,
  SecondStage,
  SpansetExpression,
  Stage,
} from './ast.ts';
import { findDottedIntrinsic, spellIntrinsic } from './fields.ts';
import { formatDuration, formatFloat, quoteString } from './literals.ts';
import { Binding, bindingOf } from './operators.ts';

// A tree to its canonical text. Reading that text gives the same tree; brackets stand only where that needs them.

/** Writes a query as TraceQL in its canonical form, on one line. */
export function printQuery({ root, hints }: Query): string {
  const text = root.kind === 'pipeline' ? printStages(root.stages) : printMetrics(root);
  if (hints.length === 0) return text;
  return `${text} with(${hints.map(printNode).join(', ')})`;
}

/** Writes a part of a query as it stands there, without brackets around it. */
export function printNode(node: Node): string {
  switch (node.kind) {
    case 'query':
      return printQuery(node);
    case 'hint':
      return `${node.name}=${printLiteral(node.value)}`;
    case 'pipeline':
      return printStages(node.stages);
    case 'by':
    case 'coalesce':
    case 'select':
    case 'scalar-filter':
    case 'filter':
    case 'spanset-logical':
    case 'structural':
      return printStage(node);
    case 'aggregate':
    case 'scalar-binary':
    case 'scalar-pipeline':
      return printScalar(node, Binding.logical);
    case 'metrics':
    case 'metrics-binary':
      return printMetrics(node);
    case 'span-metric':
    case 'field-metric':
    case 'quantile-metric':
    case 'compare-metric':
      return printFunction(node);
    case 'rank':
    case 'series-filter':
      return printSecondStage(node);
    default:
      return printExpression(node);
  }
}

/** Writes an expression over one span, as it stands in braces. */
export function printExpression(node: FieldExpression): string {
  switch (node.kind) {
    case 'literal':
      return printLiteral(node);
    case 'attribute':
      return printAttribute(node);
    case 'intrinsic':
      return spellIntrinsic(node.holder, node.name);
    case 'exists':
      return `${bracketed(node.operand, Binding.comparison)} ${node.isNegated ? '=' : '!='} nil`;
    case 'unary':
      return `${node.operator}${bracketed(node.operand, node.operator === '-' ? Binding.not : Binding.product)}`;
    case 'logical':
      return node.operands
        .map((operand, index) => bracketed(operand, index === 0 ? Binding.logical : Binding.comparison))
        .join(` ${node.operator} `);
    case 'binary': {
      const [left, right] = sides(node.operator);
      return `${bracketed(node.left, left)} ${node.operator} ${bracketed(node.right, right)}`;
    }
  }
}

/** How tightly the operands of an operator have to bind: its own way from the left, one more from the right. */
function sides(operator: string): readonly [left: number, right: number] {
  const binding = bindingOf(operator) ?? Binding.operand;
  return operator === '^' ? [binding + 1, binding] : [binding, binding + 1];
}

function bracketed(node: FieldExpression, least: number): string {
  const text = printExpression(node);
  return bindingOfField(node) < least ? `(${text})` : text;
}

function bindingOfField(node: FieldExpression): Binding {
  switch (node.kind) {
    case 'logical':
      return Binding.logical;
    case 'exists':
      return Binding.comparison;
    case 'binary':
      return bindingOf(node.operator) ?? Binding.operand;
    case 'unary':
      return node.operator === '-' ? Binding.sum : Binding.not;
    case 'literal':
      // A negative number is read as a minus and a number.
      return isNegative(node) ? Binding.sum : Binding.operand;
    default:
      return Binding.operand;
  }
}

function isNegative(literal: Literal): boolean {
  if (literal.type === 'float') return literal.value < 0 || Object.is(literal.value, -0);
  return (literal.type === 'int' || literal.type === 'duration') && literal.value < 0n;
}

function printLiteral(literal: Literal): string {
  switch (literal.type) {
    case 'string':
      return quoteString(literal.value);
    case 'int':
      return literal.value === -(2n ** 63n) ? 'minInt' : String(literal.value);
    case 'float':
      return Object.is(literal.value, -0) ? '-0.0' : formatFloat(literal.value);
    case 'duration':
      return formatDuration(literal.value);
    default:
      return String(literal.value);
  }
}

/** What can stand behind a scope without quotes; a digit behind a bare dot would begin a number. */
const PLAIN_NAME = /^[^\s{}()=~!<>&|^,"\\.\d/][^\s{}()=~!<>&|^,"\\]*$/;

function printAttribute({ holder, scope, name }: Attribute): string {
  const prefix = `${holder === 'self' ? '' : `${holder}.`}${scope === 'any' ? '' : `${scope}.`}`;
  const isAmbiguous =
    holder !== 'self' &&
    scope === 'any' &&
    (findDottedIntrinsic(name) !== undefined || /^(span|resource)\./.test(name));
  const isPlain = PLAIN_NAME.test(name) && !/\/[/*]/.test(name) && !isAmbiguous;
  const text = isPlain ? name : `"${name.replaceAll(/["\\]/g, '\\$&')}"`;
  return `${prefix === '' ? '.' : prefix}${text}`;
}

function printFields(fields: readonly Field[]): string {
  return fields.map(printExpression).join(', ');
}

// Pipelines

function printStages(stages: readonly Stage[]): string {
  return stages.map(printStage).join(' | ');
}

/** Writes one stage, or a spanset expression, as it stands in a query. */
export function printStage(stage: Stage): string {
  switch (stage.kind) {
    case 'by':
      return `by(${printExpression(stage.expression)})`;
    case 'coalesce':
      return 'coalesce()';
    case 'select':
      return `select(${printFields(stage.fields)})`;
    case 'scalar-filter':
      return `${printScalar(stage.left, Binding.sum)} ${stage.operator} ${printScalar(stage.right, Binding.sum)}`;
    default:
      return printSpanset(stage, Binding.logical);
  }
}

function printSpanset(node: SpansetExpression, least: number): string {
  switch (node.kind) {
    case 'filter': {
      const isEverything = node.condition.kind === 'literal' && node.condition.value === true;
      return isEverything ? '{ }' : `{ ${printExpression(node.condition)} }`;
    }
    case 'pipeline':
      return `(${printStages(node.stages)})`;
    case 'spanset-logical': {
      const isBesidePipeline = hasPipeline(node);
      const text = node.operands
        .map((operand, index) =>
          printSide(operand, index === 0 ? Binding.logical : Binding.comparison, isBesidePipeline),
        )
        .join(` ${node.operator} `);
      return Binding.logical < least ? `(${text})` : text;
    }
    case 'structural': {
      const isBesidePipeline = hasPipeline(node);
      const left = printSide(node.left, Binding.comparison, isBesidePipeline);
      const text = `${left} ${node.operator} ${printSide(node.right, Binding.sum, isBesidePipeline)}`;
      return Binding.comparison < least ? `(${text})` : text;
    }
  }
}

/** Beside a pipeline Tempo wants a set of spans in brackets too. */
function printSide(node: SpansetExpression, least: number, isBesidePipeline: boolean): string {
  const isBracketed = isBesidePipeline && !hasPipeline(node);
  return isBracketed ? `(${printSpanset(node, Binding.logical)})` : printSpanset(node, least);
}

/** Says whether a pipeline is an operand, at any depth. */
export function hasPipeline(node: SpansetExpression): boolean {
  switch (node.kind) {
    case 'filter':
      return false;
    case 'pipeline':
      return true;
    case 'spanset-logical':
      return node.operands.some(hasPipeline);
    case 'structural':
      return hasPipeline(node.left) || hasPipeline(node.right);
  }
}

function printScalar(node: ScalarExpression, least: number): string {
  switch (node.kind) {
    case 'literal':
      return printNumber(node, least);
    case 'aggregate':
      return `${node.name}(${node.expression === undefined ? '' : printExpression(node.expression)})`;
    case 'scalar-pipeline':
      return `(${printStages(node.stages)} | ${printScalar(node.value, Binding.sum)})`;
    case 'scalar-binary': {
      const [left, right] = sides(node.operator);
      const text = `${printScalar(node.left, left)} ${node.operator} ${printScalar(node.right, right)}`;
      return (bindingOf(node.operator) ?? Binding.operand) < least ? `(${text})` : text;
    }
  }
}

function printNumber(node: NumericLiteral, least: number): string {
  const text = printLiteral(node);
  return isNegative(node) && least > Binding.sum ? `(${text})` : text;
}

// Metrics

function printMetrics(node: MetricsExpression): string {
  const text =
    node.kind === 'metrics'
      ? `${printStages(node.stages)} | ${printFunction(node.function)}`
      : printOperation(node.operator, node.left, node.right);
  return (
    text + node.secondStages.map(stage => `${stage.kind === 'rank' ? ' | ' : ' '}${printSecondStage(stage)}`).join('')
  );
}

function printOperation(
  operator: string,
  left: MetricsExpression | NumericLiteral,
  right: MetricsExpression | NumericLiteral,
) {
  const [leftLeast, rightLeast] = sides(operator);
  return `${printSeries(left, leftLeast)} ${operator} ${printSeries(right, rightLeast)}`;
}

/** An operand of arithmetic between metrics queries: one query always stands in brackets. */
function printSeries(node: MetricsExpression | NumericLiteral, least: number): string {
  if (node.kind === 'literal') return printNumber(node, least);
  const isOpen =
    node.kind === 'metrics-binary' && node.secondStages.length === 0 && (bindingOf(node.operator) ?? 0) >= least;
  return isOpen ? printMetrics(node) : `(${printMetrics(node)})`;
}

function printFunction(node: MetricsFunction): string {
  switch (node.kind) {
    case 'span-metric':
      return `${node.name}()${printBy(node.by)}`;
    case 'field-metric':
      return `${node.name}(${printExpression(node.field)})${printBy(node.by)}`;
    case 'quantile-metric':
      return `${node.name}(${printFields([node.field])}, ${node.quantiles.map(printLiteral).join(', ')})${printBy(node.by)}`;
    case 'compare-metric': {
      const { topN, window } = node;
      const numbers = [
        ...(topN === undefined ? [] : [topN]),
        ...(window === undefined ? [] : [window.start, window.end]),
      ];
      return `compare(${[printSpanset(node.selection, Binding.logical), ...numbers.map(printLiteral)].join(', ')})`;
    }
  }
}

function printBy(fields: readonly Field[]): string {
  return fields.length === 0 ? '' : ` by (${printFields(fields)})`;
}

function printSecondStage(node: SecondStage): string {
  return node.kind === 'rank'
    ? `${node.name}(${printLiteral(node.count)})`
    : `${node.operator} ${printLiteral(node.value)}`;
}
