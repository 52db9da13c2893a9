import { SPAN_KINDS, STATUS_CODES } from '../../model/status.ts';
import type { Field, FieldExpression, Literal, NumericLiteral, Place, SpansetFilter } from './ast.ts';
import {
  findDottedIntrinsic,
  findIntrinsic,
  findRelativeIntrinsic,
  HOLDERS,
  type Holder,
  intrinsicSpellings,
  SCOPES,
} from './fields.ts';
import type { Token } from './lexer.ts';
import { Binding, isArithmetic, isComparison, isLogical } from './operators.ts';
import { nearest } from './suggestions.ts';
import type { TokenReader } from './token-reader.ts';
import { TraceqlError } from './traceql-error.ts';

// Expressions over one span: what stands in braces, in by(), in select() and in the brackets of aggregates.

const INT64_MAX = 2n ** 63n - 1n;
const WORD_OPERATORS: Readonly<Record<string, string>> = { and: '&&', or: '||', not: '!' };
const VALUE_WORDS = ['true', 'false', 'nil', ...STATUS_CODES, ...SPAN_KINDS];

/** `nil` is no value: it only stands beside `=` and `!=`. */
type Parsed = FieldExpression | (Place & { readonly kind: 'nil' });

/** Reads an expression; the token behind it is left to the caller. */
export function parseFieldExpression(reader: TokenReader): FieldExpression {
  return notNil(climbField(reader, Binding.logical));
}

/** Reads a filter, from brace to brace. */
export function parseFilter(reader: TokenReader): SpansetFilter {
  const { from } = reader.current;
  reader.advance();
  if (reader.take('}')) {
    const inside = { from: from + 1, to: reader.end - 1 };
    return {
      kind: 'filter',
      condition: { kind: 'literal', type: 'bool', value: true, ...inside },
      from,
      to: reader.end,
    };
  }
  const condition = parseFieldExpression(reader);
  if (!reader.take('}')) throw reader.fault(['}', 'an operator'], hintBehindCondition(reader));
  return reader.made({ kind: 'filter', condition, from, to: reader.end });
}

/** Reads one attribute or intrinsic. */
export function parseField(reader: TokenReader): Field {
  const field = findField(reader);
  if (field === undefined) throw reader.fault(['an attribute', 'an intrinsic'], hintForWord(reader));
  return field;
}

/** Reads attributes and intrinsics up to the closing bracket, which is taken too. */
export function parseFieldList(reader: TokenReader): readonly Field[] {
  const fields = [parseField(reader)];
  while (reader.take(',')) fields.push(parseField(reader));
  if (!reader.take(')')) throw reader.fault([',', ')'], 'only attributes and intrinsics can be listed here');
  return fields;
}

/** Reads a number or duration with or without a minus; undefined where there is none. */
export function findNumber(reader: TokenReader): NumericLiteral | undefined {
  const { current } = reader;
  const isNegative = reader.operator === '-';
  const number = isNegative ? reader.peek() : current;
  if (number.type !== 'int' && number.type !== 'float' && number.type !== 'duration') return undefined;
  if (isNegative) reader.advance();
  const literal = numberOf(reader.advance());
  return literal === undefined || !isNegative ? literal : negated(literal, current.from);
}

/** Says what an operator that has no place behind a condition was meant to be. */
function hintBehindCondition(reader: TokenReader): string | undefined {
  const { current, operator, word } = reader;
  const meant = word === undefined ? undefined : WORD_OPERATORS[word.toLowerCase()];
  if (meant !== undefined) return `"${word}" is written ${meant}`;
  if (operator === '|') return '|| means "or"; | stands between the stages of a query, outside of { }';
  if (operator === '~') return 'regular expressions are compared with =~ or !~';
  if (operator === '}' || current.type === 'end') return undefined;
  if (operator === undefined)
    return 'conditions are joined by && or ||; a name with blanks stands in quotes: ."a name"';
  return undefined;
}

function climbField(reader: TokenReader, least: Binding): Parsed {
  return reader.climb<Parsed>(
    least,
    () => parseOperand(reader),
    (token, operands, place) => combine(reader, token, operands, place),
  );
}

function combine(
  reader: TokenReader,
  { text: operator }: Token & { type: 'operator' },
  operands: readonly [Parsed, Parsed, ...Parsed[]],
  place: Place,
): FieldExpression {
  const { from, to } = place;
  const [first, second] = operands;
  if (isLogical(operator)) {
    const [head, ...tail] = operands.map(notNil);
    const isChain = head?.kind === 'logical' && head.operator === operator;
    const all = head === undefined ? tail : isChain ? [...head.operands, ...tail] : [head, ...tail];
    return reader.made({ kind: 'logical', operator, operands: all, from, to });
  }
  if ((operator === '=' || operator === '!=') && (first.kind === 'nil' || second.kind === 'nil')) {
    // Nil equals nothing, not even nil, and does not differ from it either.
    if (first.kind === 'nil' && second.kind === 'nil') return { kind: 'literal', type: 'bool', value: false, from, to };
    const operand = notNil(first.kind === 'nil' ? second : first);
    return reader.made({ kind: 'exists', isNegated: operator === '=', operand, from, to });
  }
  const [left, right] = [notNil(first), notNil(second)];
  if (isComparison(operator) || isArithmetic(operator)) {
    return reader.made({ kind: 'binary', operator, left, right, from, to });
  }
  throw new TraceqlError('parse', place, `${operator} relates sets of spans, not values`, {
    hint: `it stands between braces: { } ${operator} { }`,
  });
}

function notNil(parsed: Parsed): FieldExpression {
  if (parsed.kind !== 'nil') return parsed;
  throw new TraceqlError('parse', parsed, 'nil is no value; it can only be compared with = or !=', {
    hint: '.x != nil asks whether a span has x',
  });
}

function parseOperand(reader: TokenReader): Parsed {
  const token = reader.current;
  const { from } = token;
  if (token.type === 'operator') {
    const { text } = token;
    if (text === '(') {
      reader.advance();
      const inner = reader.nest(() => parseFieldExpression(reader));
      if (!reader.take(')')) throw reader.fault([')', 'an operator'], hintBehindCondition(reader));
      return inner;
    }
    if (text === '-' || text === '!') {
      reader.advance();
      const least = text === '-' ? Binding.not : Binding.product;
      const operand = notNil(reader.nest(() => climbField(reader, least)));
      if (text === '-' && isNumber(operand)) return negated(operand, from);
      return reader.made({ kind: 'unary', operator: text, operand, from, to: reader.end });
    }
  }
  const literal = findLiteral(token);
  if (literal !== undefined) {
    reader.advance();
    return literal;
  }
  const field = findField(reader);
  if (field !== undefined) return field;
  const hint = reader.operator === '=' ? 'equality is a single =' : hintForWord(reader);
  throw reader.fault(['a value', 'an attribute', 'an intrinsic'], hint);
}

function findLiteral(token: Token): Literal | (Place & { readonly kind: 'nil' }) | undefined {
  const { from, to } = token;
  if (token.type === 'string') return { kind: 'literal', type: 'string', value: token.value, from, to };
  if (token.type !== 'word') return numberOf(token);
  const { text } = token;
  const status = STATUS_CODES.find(code => code === text);
  if (status !== undefined) return { kind: 'literal', type: 'status', value: status, from, to };
  const kind = SPAN_KINDS.find(word => word === text);
  if (kind !== undefined) return { kind: 'literal', type: 'kind', value: kind, from, to };
  if (text === 'true' || text === 'false') return { kind: 'literal', type: 'bool', value: text === 'true', from, to };
  return text === 'nil' ? { kind: 'nil', from, to } : undefined;
}

/** Reads a literal, such as the value of a hint; undefined where there is none. */
export function findValue(reader: TokenReader): Literal | undefined {
  const number = findNumber(reader);
  if (number !== undefined) return number;
  const literal = findLiteral(reader.current);
  if (literal === undefined || literal.kind === 'nil') return undefined;
  reader.advance();
  return literal;
}

function numberOf(token: Token): NumericLiteral | undefined {
  const { from, to } = token;
  if (token.type === 'int') return { kind: 'literal', type: 'int', value: token.value, from, to };
  if (token.type === 'float') return { kind: 'literal', type: 'float', value: token.value, from, to };
  if (token.type === 'duration') return { kind: 'literal', type: 'duration', value: token.value, from, to };
  return undefined;
}

function isNumber(node: FieldExpression): node is NumericLiteral {
  return node.kind === 'literal' && (node.type === 'int' || node.type === 'float' || node.type === 'duration');
}

function negated(literal: NumericLiteral, from: number): NumericLiteral {
  if (literal.type === 'float') return { ...literal, value: -literal.value, from };
  if (-literal.value > INT64_MAX) {
    throw new TraceqlError('parse', { from, to: literal.to }, 'a whole number is at most 9223372036854775807', {
      hint: 'a number with a point may be larger',
    });
  }
  return { ...literal, value: -literal.value, from };
}

function findField(reader: TokenReader): Field | undefined {
  const token = reader.current;
  const { from, to } = token;
  if (token.type === 'attribute') {
    reader.advance();
    const { holder, scope, name } = token;
    const dotted = holder === 'self' || scope !== 'any' || token.isQuoted ? undefined : findDottedIntrinsic(name);
    if (dotted !== undefined) return { kind: 'intrinsic', holder, name: dotted, from, to };
    return { kind: 'attribute', holder, scope, name, from, to };
  }
  if (token.type === 'intrinsic') {
    const { scope, word } = token;
    const holder: Holder = HOLDERS.find(name => name === scope) ?? 'self';
    const name = holder === 'self' ? findIntrinsic(`${scope}:${word}`) : findRelativeIntrinsic(word);
    if (name === undefined) throw unknownIntrinsic(reader, scope, word);
    reader.advance();
    return { kind: 'intrinsic', holder, name, from, to };
  }
  const name = token.type === 'word' ? findIntrinsic(token.text) : undefined;
  if (name === undefined) return undefined;
  reader.advance();
  return { kind: 'intrinsic', holder: 'self', name, from, to };
}

function unknownIntrinsic(reader: TokenReader, scope: string, word: string): TraceqlError {
  const place = reader.current;
  const all = intrinsicSpellings();
  const ofScope = all.filter(spelling => spelling.startsWith(`${scope}:`));
  const next = reader.peek();
  const rest = next.type === 'attribute' && next.from === place.to ? reader.source(next) : '';
  const dotted = [...SCOPES, ...HOLDERS].some(name => name === scope)
    ? `an attribute has a dot: ${scope}.${word}${rest}`
    : '';
  const near = rest === '' ? nearest(`${scope}:${word}`, ofScope.length > 0 ? ofScope : all) : undefined;
  const known =
    ofScope.length > 0
      ? `there are ${ofScope.join(' ')}`
      : dotted === ''
        ? 'a colon follows span, trace, event, link, instrumentation, parent or ancestor'
        : '';
  const hint = near === undefined ? [dotted, known].filter(part => part !== '').join('; ') : `did you mean ${near}?`;
  return new TraceqlError('parse', place, `there is no intrinsic ${scope}:${word}`, { hint, expected: ofScope });
}

/** What an unknown word was probably meant to be. */
function hintForWord(reader: TokenReader): string | undefined {
  const { word } = reader;
  if (word === undefined) return undefined;
  const operator = WORD_OPERATORS[word.toLowerCase()];
  if (operator !== undefined) return `"${word}" is written ${operator}`;
  const next = reader.peek();
  if (next.type === 'attribute' && next.from === reader.current.to) {
    const rest = reader.source(next);
    const scope = nearest(word, [...SCOPES, ...HOLDERS]);
    if (scope !== undefined) return `did you mean ${scope}${rest}?`;
    return `attributes begin with a dot or a scope: .${word}${rest} or resource.${word}${rest}`;
  }
  const near = nearest(word, [...intrinsicSpellings(), ...VALUE_WORDS]);
  if (near !== undefined) return `did you mean ${near}?`;
  return `attributes begin with a dot or a scope (.${word}, span.${word}), and strings stand in quotes`;
}
