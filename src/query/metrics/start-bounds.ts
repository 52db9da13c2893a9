import type { FieldExpression, Stage } from '../traceql/ast.ts';

/** When spans can start, in Unix nanoseconds; undefined where nothing says. */
export interface StartBounds {
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
}

/** What the first filters of some queries say of the start of spans, as `--since` and `--until` do: the time of all of them. */
export function startBounds(queries: readonly (readonly Stage[])[]): StartBounds {
  const bounds = queries.map(([stage]) => (stage?.kind === 'filter' ? boundsOf(stage.condition) : boundsOf(undefined)));
  return {
    first: extreme(
      bounds.map(({ first }) => first),
      (a, b) => a < b,
    ),
    last: extreme(
      bounds.map(({ last }) => last),
      (a, b) => a > b,
    ),
  };
}

/** The bounds of what all must hold. */
function boundsOf(condition: FieldExpression | undefined): StartBounds {
  if (condition?.kind === 'logical' && condition.operator === '&&') {
    const all = condition.operands.map(boundsOf);
    const known = (values: readonly (bigint | undefined)[]) => values.filter(value => value !== undefined);
    return {
      first: extreme(known(all.map(({ first }) => first)), (a, b) => a > b),
      last: extreme(known(all.map(({ last }) => last)), (a, b) => a < b),
    };
  }
  const none = { first: undefined, last: undefined };
  if (condition?.kind !== 'binary') return none;
  const { left, operator, right } = condition;
  const isStart = left.kind === 'intrinsic' && left.holder === 'self' && left.name === 'span:startTime';
  if (!isStart || right.kind !== 'literal' || typeof right.value !== 'bigint') return none;
  if (operator === '>=' || operator === '>') return { ...none, first: right.value + (operator === '>' ? 1n : 0n) };
  if (operator === '<=' || operator === '<') return { ...none, last: right.value - (operator === '<' ? 1n : 0n) };
  return none;
}

/** The value that is before all others; undefined where one is. */
function extreme(
  values: readonly (bigint | undefined)[],
  isBefore: (a: bigint, b: bigint) => boolean,
): bigint | undefined {
  return values.reduce(
    (most, value) => (most === undefined || value === undefined ? undefined : isBefore(value, most) ? value : most),
    values[0],
  );
}
