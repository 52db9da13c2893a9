import type { FieldExpression } from './ast.ts';
import { INTRINSICS, type StaticType } from './fields.ts';
import { isArithmetic } from './operators.ts';

// What is known of the type of an expression before any span is read, and what goes with what, as in Tempo's
// enum_operators.go: an attribute goes with everything, numbers of all kinds with each other.

/** What messages call a value of a type. */
export const TYPE_NAMES: Readonly<Record<StaticType, string>> = {
  string: 'a string',
  int: 'a whole number',
  float: 'a number',
  duration: 'a duration',
  bool: 'a condition',
  status: 'a status',
  kind: 'a span kind',
  nil: 'nil',
  any: 'an attribute',
};

/** Returns the type that an expression has whatever the span; `any` where that depends on an attribute. */
export function typeOfField(node: FieldExpression): StaticType {
  switch (node.kind) {
    case 'literal':
      return node.type;
    case 'attribute':
      return 'any';
    case 'intrinsic':
      return INTRINSICS[node.name].type;
    case 'exists':
    case 'logical':
      return 'bool';
    case 'unary':
      return typeOfField(node.operand);
    case 'binary':
      return isArithmetic(node.operator) ? commonType(typeOfField(node.left), typeOfField(node.right)) : 'bool';
  }
}

/** The type of a sum, product and so on: what is known of either side. */
function commonType(left: StaticType, right: StaticType): StaticType {
  return left === 'any' ? right : left;
}

export function isNumeric(type: StaticType): boolean {
  return type === 'int' || type === 'float' || type === 'duration';
}

/** Says whether values of two types can be compared or calculated with. */
export function matches(left: StaticType, right: StaticType): boolean {
  return left === 'any' || right === 'any' || left === right || (isNumeric(left) && isNumeric(right));
}

/** Says whether an operator takes a type. */
export function allows(operator: string, type: StaticType): boolean {
  return type === 'any' || operatorsOf(type).includes(operator) || (isArithmetic(operator) && isNumeric(type));
}

/** The comparisons that a type takes. */
export function operatorsOf(type: StaticType): readonly string[] {
  if (type === 'string') return ['=', '!=', '<', '<=', '>', '>=', '=~', '!~'];
  return isNumeric(type) ? ['=', '!=', '<', '<=', '>', '>='] : ['=', '!='];
}

/** What messages call values of a type. */
export function plural(type: StaticType): string {
  const plurals: Partial<Record<StaticType, string>> = {
    string: 'strings',
    duration: 'durations',
    bool: 'conditions',
    status: 'statuses',
    kind: 'span kinds',
  };
  return plurals[type] ?? 'numbers';
}
