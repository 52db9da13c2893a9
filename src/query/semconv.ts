import { UserError } from '../errors.ts';
import { RENAMED_ATTRIBUTES, RENAMED_PREFIXES } from './semconv-renames.ts';
import {
  type Attribute,
  childrenOf,
  type Exists,
  type Field,
  type FieldExpression,
  type Logical,
  type MetricsExpression,
  type MetricsFunction,
  type Node,
  type NumericLiteral,
  type Pipeline,
  type ScalarExpression,
  type SpansetExpression,
  type Stage,
} from './traceql/ast.ts';
import { isComparison, type LogicalOperator } from './traceql/operators.ts';
import { printExpression } from './traceql/printer.ts';

// The semantic conventions rename attributes, and dumps hold what some service still calls by the old name and another one by
// the new. Here each attribute of a query comes to stand for all its spellings: its value is that of the first spelling that the
// span has, the query's own first. Of events, links and ancestors, which have many values, the values of all spellings count.
//
// It is a rewriting of conditions into TraceQL that says just that: `span.http.method = "GET"` becomes
// `span.http.method = "GET" || (span.http.method = nil && span.http.request.method = "GET")`. What is no condition, as in
// `by(span.http.method)` or `avg(.x)`, cannot be said so and stays what it is; `fieldsOfOneSpelling` names it.

const NOWHERE = { from: 0, to: 0 } as const;

/**
 * Returns the names that an attribute has or had in the semantic conventions: itself, what it was renamed to, what was renamed to
 * it. Two names that became one are not each other.
 */
export function spellingsOf(name: string): readonly string[] {
  return [...new Set([name, ...follow(name, renamedTo), ...follow(name, renamedFrom)])];
}

/** All that is reached from a name, the nearest first. */
function follow(name: string, next: (name: string) => readonly string[]): string[] {
  const reached = [...next(name)];
  // The conventions have no circle of renames, but nothing else says so.
  for (const found of reached) reached.push(...next(found).filter(other => !reached.includes(other) && other !== name));
  return reached;
}

const renamedTo = (name: string) => renamed(name, ([old, now]) => [old, now]);
const renamedFrom = (name: string) => renamed(name, ([old, now]) => [now, old]);

function renamed(name: string, direction: (pair: readonly [string, string]) => [from: string, to: string]): string[] {
  const whole = RENAMED_ATTRIBUTES.map(direction).flatMap(([from, to]) => (from === name ? [to] : []));
  const beginnings = RENAMED_PREFIXES.map(direction).flatMap(([from, to]) =>
    name.startsWith(`${from}.`) ? [to + name.slice(from.length)] : [],
  );
  return [...whole, ...beginnings];
}

/**
 * Returns a pipeline with each attribute in a condition or in `select()` standing for all its spellings. Throws `UserError` where
 * one comparison has more such attributes than can be written out.
 */
export function withSpellings(pipeline: Pipeline): Pipeline {
  return { ...pipeline, stages: pipeline.stages.map(ofStage) };
}

/** The same for what metrics are made of; their fields and `by (…)` stay what they are. */
export function metricsWithSpellings(expression: MetricsExpression): MetricsExpression {
  if (expression.kind === 'metrics') {
    return { ...expression, stages: expression.stages.map(ofStage), function: ofFunction(expression.function) };
  }
  const side = (operand: MetricsExpression | NumericLiteral) =>
    operand.kind === 'literal' ? operand : metricsWithSpellings(operand);
  return { ...expression, left: side(expression.left), right: side(expression.right) };
}

/** The attributes that stand for one spelling only though they have others, since they are in no condition. */
export function fieldsOfOneSpelling(root: Node): readonly Attribute[] {
  const found = new Map<string, Attribute>();
  const visit = (node: Node): void => {
    if (node.kind === 'filter' || node.kind === 'select' || isCondition(node)) return;
    if (node.kind === 'attribute' && spellingsOf(node.name).length > 1) found.set(printExpression(node), node);
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return [...found.values()];
}

function ofStage(stage: Stage): Stage {
  switch (stage.kind) {
    case 'by':
      return { ...stage, expression: inside(stage.expression) };
    case 'select':
      return {
        ...stage,
        fields: stage.fields.flatMap((field): readonly Field[] =>
          field.kind === 'attribute' ? spellings(field) : [field],
        ),
      };
    case 'scalar-filter':
      return { ...stage, left: ofScalar(stage.left), right: ofScalar(stage.right) };
    case 'coalesce':
      return stage;
    default:
      return ofSpansets(stage);
  }
}

function ofSpansets(expression: SpansetExpression): SpansetExpression {
  switch (expression.kind) {
    case 'filter':
      return { ...expression, condition: condition(expression.condition) };
    case 'spanset-logical':
      return { ...expression, operands: expression.operands.map(ofSpansets) };
    case 'structural':
      return { ...expression, left: ofSpansets(expression.left), right: ofSpansets(expression.right) };
    case 'pipeline':
      return { ...expression, stages: expression.stages.map(ofStage) };
  }
}

function ofScalar(expression: ScalarExpression): ScalarExpression {
  switch (expression.kind) {
    case 'literal':
      return expression;
    case 'aggregate':
      return expression.expression === undefined
        ? expression
        : { ...expression, expression: inside(expression.expression) };
    case 'scalar-binary':
      return { ...expression, left: ofScalar(expression.left), right: ofScalar(expression.right) };
    case 'scalar-pipeline':
      return { ...expression, stages: expression.stages.map(ofStage), value: ofScalar(expression.value) };
  }
}

function ofFunction(expression: MetricsFunction): MetricsFunction {
  if (expression.kind !== 'compare-metric') return expression;
  const { selection } = expression;
  return { ...expression, selection: { ...selection, condition: condition(selection.condition) } };
}

/** A condition as one that holds for any spelling of its attributes. */
function condition(expression: FieldExpression): FieldExpression {
  switch (expression.kind) {
    case 'literal':
    case 'intrinsic':
      return expression;
    case 'logical':
      return chain(expression.operator, expression.operands.map(condition));
    case 'unary': {
      const { operator, operand } = expression;
      // Of a field it says that its value is false; of anything else that it does not hold.
      if (operator === '-' || operand.kind === 'attribute') return spelledOut(expression);
      return { ...expression, operand: condition(operand) };
    }
    case 'exists':
      return presence(expression);
    case 'attribute':
    case 'binary':
      return spelledOut(expression);
  }
}

function presence(exists: Exists): FieldExpression {
  const some = spelledOut({ ...exists, isNegated: false });
  if (!exists.isNegated) return some;
  if (some.kind === 'exists') return { ...some, isNegated: true };
  // No spelling of the attribute is there.
  if (exists.operand.kind === 'attribute') return chain('&&', spellings(exists.operand).map(isMissing));
  return { kind: 'unary', operator: '!', operand: some, ...NOWHERE };
}

/** The conditions inside an expression, which itself is a value. */
function inside(expression: FieldExpression): FieldExpression {
  switch (expression.kind) {
    case 'literal':
    case 'attribute':
    case 'intrinsic':
      return expression;
    case 'unary':
      return expression.operator === '-'
        ? { ...expression, operand: inside(expression.operand) }
        : condition(expression);
    case 'binary':
      return isComparison(expression.operator)
        ? condition(expression)
        : { ...expression, left: inside(expression.left), right: inside(expression.right) };
    case 'exists':
    case 'logical':
      return condition(expression);
  }
}

/** Ways in which one comparison may be written out. */
const MOST_READINGS = 256;

/**
 * A condition in which values are used, as the same condition on the first spelling of each that the span has: `c(a)` is
 * `c(a) || (a = nil && c(b))`, since what is missing fulfils no condition.
 */
function spelledOut(expression: FieldExpression): FieldExpression {
  const own = withOperands(expression, inside);
  const fields = [...new Map(valuesIn(own).map(field => [printExpression(field), field])).values()]
    .map(field => ({ field, names: spellings(field) }))
    .filter(({ names }) => names.length > 1);
  const readings = fields.reduce((product, { names }) => product * names.length, 1);
  if (readings > MOST_READINGS) {
    throw new UserError(`a comparison has too many attributes with other names: ${printExpression(expression)}`, {
      hint: 'ask for less in one comparison, or leave out --semconv and write the names that you mean',
    });
  }
  let alternatives: readonly { readonly guards: readonly FieldExpression[]; readonly reading: FieldExpression }[] = [
    { guards: [], reading: own },
  ];
  const asksForPresence = expression.kind === 'exists' && expression.operand.kind === 'attribute';
  for (const { field, names } of fields) {
    const isFirst = !hasManyValues(field) && !asksForPresence;
    alternatives = alternatives.flatMap(({ guards, reading }) =>
      names.map((spelling, index) => ({
        guards: isFirst ? [...guards, ...names.slice(0, index).map(isMissing)] : guards,
        reading: index === 0 ? reading : replaced(reading, printExpression(field), spelling),
      })),
    );
  }
  return chain(
    '||',
    alternatives.map(({ guards, reading }) => chain('&&', [...guards, reading])),
  );
}

function hasManyValues({ holder, ...field }: Attribute): boolean {
  return holder === 'ancestor' || field.scope === 'event' || field.scope === 'link';
}

/** The attributes whose values an expression uses, not those of conditions inside it. */
function valuesIn(expression: FieldExpression): readonly Attribute[] {
  switch (expression.kind) {
    case 'attribute':
      return [expression];
    case 'unary':
    case 'exists':
      return operandValues(expression.operand);
    case 'binary':
      return [...operandValues(expression.left), ...operandValues(expression.right)];
    default:
      return [];
  }
}

function operandValues(operand: FieldExpression): readonly Attribute[] {
  return isCondition(operand) ? [] : valuesIn(operand);
}

function isCondition(node: Node): boolean {
  switch (node.kind) {
    case 'exists':
    case 'logical':
      return true;
    case 'unary':
      return node.operator === '!';
    case 'binary':
      return isComparison(node.operator);
    default:
      return false;
  }
}

function withOperands(
  expression: FieldExpression,
  change: (operand: FieldExpression) => FieldExpression,
): FieldExpression {
  switch (expression.kind) {
    case 'unary':
    case 'exists':
      return { ...expression, operand: change(expression.operand) };
    case 'binary':
      return { ...expression, left: change(expression.left), right: change(expression.right) };
    default:
      return expression;
  }
}

/** An expression with a spelling in the place of an attribute, wherever its value is used. */
function replaced(expression: FieldExpression, printed: string, spelling: Attribute): FieldExpression {
  if (expression.kind === 'attribute') return printExpression(expression) === printed ? spelling : expression;
  return withOperands(expression, operand => (isCondition(operand) ? operand : replaced(operand, printed, spelling)));
}

function spellings(field: Attribute): readonly Attribute[] {
  return spellingsOf(field.name).map(name => ({ ...field, name }));
}

const isMissing = (operand: FieldExpression): Exists => ({ kind: 'exists', isNegated: true, operand, ...NOWHERE });

/** Conditions under one operator, in the one form that a tree has: of one it is that one, and a chain at the front is part of it. */
function chain(operator: LogicalOperator, operands: readonly FieldExpression[]): FieldExpression {
  const [first, ...others] = operands;
  if (first === undefined) throw new TypeError('a chain needs an operand');
  if (others.length === 0) return first;
  const front = first.kind === 'logical' && first.operator === operator ? first.operands : [first];
  return { kind: 'logical', operator, operands: [...front, ...others], ...NOWHERE } satisfies Logical;
}
