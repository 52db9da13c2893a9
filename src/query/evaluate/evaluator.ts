import type { Trace } from '../../model/trace.ts';
import type { GroupStage, Query, ScalarFilter, SpansetExpression, Stage } from '../traceql/ast.ts';
import { INVERSE, STRUCTURE } from '../traceql/operators.ts';
import { printNode, printStage } from '../traceql/printer.ts';
import { compileCondition, compileValue } from './expressions.ts';
import { someOf } from './fields.ts';
import { aggregatesOf, compileAggregate, compileScalar } from './scalars.ts';
import { differenceOf, relatedSpans, type Spans, unionOf } from './tree.ts';
import { compareValues, groupKeyOf, type Value } from './values.ts';

// TraceQL asked of a trace in memory: what `tail` and `check` run, and what the SQL of compile/ is held to. A query is
// compiled once to functions. Each stage turns spansets of a trace into others; those that become empty are dropped.

/** What a stage says of a spanset, such as `count()` or `by(name)`, as it is printed. */
export interface SpansetAttribute {
  readonly name: string;
  readonly value: Value;
}

/** Spans of one trace that belong together in an answer. */
export interface Spanset {
  /** In display order; at least one. */
  readonly spans: Spans;
  readonly attributes: readonly SpansetAttribute[];
}

/** Returns the spansets of a trace that match, by their first spans; none where the trace does not match. */
export type Evaluator = (trace: Trace) => readonly Spanset[];

type Transform = (spansets: readonly Spanset[], trace: Trace) => readonly Spanset[];
type Select = (spans: Spans, trace: Trace) => Spans;

/**
 * Compiles a search query, to be asked of many traces. Throws `TraceqlError` of kind `validation` for a regular expression
 * that JavaScript does not have; a metrics query is not for here.
 */
export function compileEvaluator({ root }: Query): Evaluator {
  if (root.kind !== 'pipeline') throw new TypeError('a metrics query has no spansets');
  return compileStages(root.stages);
}

/** Asks a search query of one trace; see `compileEvaluator`. */
export function evaluateQuery(query: Query, trace: Trace): readonly Spanset[] {
  return compileEvaluator(query)(trace);
}

/** Compiles the stages of a query; the first one sees all spans of the trace as one spanset. */
export function compileStages(stages: readonly Stage[]): Evaluator {
  const run = compilePipeline(stages);
  return trace => run([{ spans: trace.nodes, attributes: [] }], trace).toSorted((a, b) => firstOf(a) - firstOf(b));
}

/** Spansets of one trace share no span, so the first ones put them in order. */
function firstOf({ spans }: Spanset): number {
  return spans[0]?.index ?? 0;
}

function compilePipeline(stages: readonly Stage[]): Transform {
  const transforms = stages.map(compileStage);
  return (spansets, trace) => transforms.reduce((left, transform) => transform(left, trace), spansets);
}

function compileStage(stage: Stage): Transform {
  switch (stage.kind) {
    case 'by':
      return compileGroup(stage);
    case 'coalesce':
      return (spansets, trace) => {
        const spans = unionOf(
          spansets.map(spanset => spanset.spans),
          trace,
        );
        return spans.length === 0 ? [] : [{ spans, attributes: [] }];
      };
    case 'select':
      return spansets => spansets;
    case 'scalar-filter':
      return compileScalarFilter(stage);
    default: {
      const select = compileSpanset(stage);
      return (spansets, trace) =>
        spansets
          .map(({ spans, attributes }) => ({ spans: select(spans, trace), attributes }))
          .filter(({ spans }) => spans.length > 0);
    }
  }
}

function compileSpanset(expression: SpansetExpression): Select {
  switch (expression.kind) {
    case 'filter': {
      const condition = compileCondition(expression.condition);
      return (spans, trace) => spans.filter(node => condition(node, trace));
    }
    case 'pipeline':
      return compileOperand(expression.stages);
    case 'spanset-logical': {
      const operands = expression.operands.map(compileSpanset);
      const needsAll = expression.operator === '&&';
      return (spans, trace) => {
        const found: Spans[] = [];
        for (const operand of operands) {
          const set = operand(spans, trace);
          if (needsAll && set.length === 0) return [];
          found.push(set);
        }
        return unionOf(found, trace);
      };
    }
    case 'structural': {
      const { relation, keeps } = STRUCTURE[expression.operator];
      const [left, right] = [compileSpanset(expression.left), compileSpanset(expression.right)];
      return (spans, trace) => {
        const candidates = right(spans, trace);
        if (candidates.length === 0) return [];
        const others = left(spans, trace);
        const related = relatedSpans(relation, candidates, others, trace);
        if (keeps === 'right') return related;
        if (keeps === 'not') return differenceOf(candidates, related, trace);
        return unionOf([related, relatedSpans(INVERSE[relation], others, candidates, trace)], trace);
      };
    }
  }
}

/** A pipeline as a set of spans: those of all its spansets. */
function compileOperand(stages: readonly Stage[]): Select {
  const run = compilePipeline(stages);
  return (spans, trace) =>
    unionOf(
      run([{ spans, attributes: [] }], trace).map(spanset => spanset.spans),
      trace,
    );
}

function compileGroup(stage: GroupStage): Transform {
  const some = someOf(compileValue(stage.expression));
  const name = printStage(stage);
  return (spansets, trace) =>
    spansets.flatMap(({ spans, attributes }) => {
      const groups = new Map<string, { value: Value; spans: Spans[number][] }>();
      for (const node of spans) {
        let value: Value;
        some(node, trace, first => {
          value = first;
          return true;
        });
        const key = groupKeyOf(value);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, { value, spans: [node] });
        else group.spans.push(node);
      }
      return [...groups.values()].map(group => ({
        spans: group.spans,
        attributes: withAttribute(attributes, { name, value: group.value }),
      }));
    });
}

function compileScalarFilter({ operator, left, right }: ScalarFilter): Transform {
  const [a, b] = [compileScalar(left, compileOperand), compileScalar(right, compileOperand)];
  const aggregates = [...aggregatesOf(left), ...aggregatesOf(right)].map(aggregate => ({
    name: printNode(aggregate),
    compute: compileAggregate(aggregate),
  }));
  return (spansets, trace) =>
    spansets
      .filter(({ spans }) => compareValues(operator, a(spans, trace), b(spans, trace)))
      .map(({ spans, attributes }) => ({
        spans,
        attributes: aggregates.reduce<readonly SpansetAttribute[]>(
          (added, { name, compute }) => withAttribute(added, { name, value: compute(spans, trace) }),
          attributes,
        ),
      }));
}

/** Adds an attribute; what an earlier stage said under the same name is replaced in its place. */
function withAttribute(attributes: readonly SpansetAttribute[], added: SpansetAttribute): readonly SpansetAttribute[] {
  return attributes.some(({ name }) => name === added.name)
    ? attributes.map(attribute => (attribute.name === added.name ? added : attribute))
    : [...attributes, added];
}
