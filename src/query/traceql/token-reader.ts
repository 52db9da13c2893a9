import { childrenOf, type Node, type Place } from './ast.ts';
import { Lexer, type Token } from './lexer.ts';
import { type Binding, bindingOf, isLogical } from './operators.ts';
import { TraceqlError } from './traceql-error.ts';

// What both parsers stand on: the current token, faults at it, climbing by how tightly operators bind, and the bound on
// depth that keeps every later walk over a tree from running out of stack.

/** What to do where something is missing and nothing better can be said. */
const USUAL_HINTS: Readonly<Record<string, string>> = {
  '{': 'a set of spans stands in braces: { }',
  '}': 'what { opens, } closes',
  '(': 'the name of a function is followed by brackets',
  ')': 'what ( opens, ) closes',
  ',': 'the parts of a list are separated by commas',
  '=': 'a hint has a value: with(most_recent=true)',
  'a value': 'such as .http.route, name, "text", 5 or 1.5s',
  'an attribute': 'such as .http.route, resource.service.name or duration',
  '|': 'stages are joined by |',
};

/** How deep brackets and trees may be. */
export const MAX_DEPTH = 200;

export class TokenReader {
  readonly text: string;
  readonly #lexer: Lexer;
  #current: Token;
  #next: Token | undefined;
  #end = 0;
  #nesting = 0;
  readonly #depths = new WeakMap<Node, number>();

  constructor(text: string) {
    this.text = text;
    this.#lexer = new Lexer(text);
    this.#current = this.#lexer.next();
  }

  get current(): Token {
    return this.#current;
  }

  /** Where the last token that was taken ends. */
  get end(): number {
    return this.#end;
  }

  /** The text of the current token where that is an operator or a bracket. */
  get operator(): string | undefined {
    return this.#current.type === 'operator' ? this.#current.text : undefined;
  }

  get word(): string | undefined {
    return this.#current.type === 'word' ? this.#current.text : undefined;
  }

  peek(): Token {
    this.#next ??= this.#lexer.next();
    return this.#next;
  }

  advance(): Token {
    const token = this.#current;
    this.#current = this.peek();
    this.#next = undefined;
    this.#end = token.to;
    return token;
  }

  /** Takes an operator or bracket where it stands next, and says whether it did. */
  take(operator: string): boolean {
    if (this.operator !== operator) return false;
    this.advance();
    return true;
  }

  expect(operator: string, hint?: string): void {
    if (!this.take(operator)) throw this.fault([operator], hint);
  }

  /** The source text of a place, cut where it is long. */
  source({ from, to }: Place): string {
    const text = this.text.slice(from, to).replaceAll(/[\s\p{Cc}]+/gu, ' ');
    return text.length <= 40 ? text : `${text.slice(0, 39)}…`;
  }

  /** A fault at the current token. */
  fault(expected: readonly string[], hint?: string): TraceqlError {
    const token = this.#current;
    const message = `expected ${listed(expected.map(quoted))}, found ${this.#described(token)}`;
    const usual = USUAL_HINTS[expected[0] ?? ''] ?? 'such as 0.5, 10 or 250ms';
    return new TraceqlError('parse', token, message, { hint: hint ?? usual, expected });
  }

  #described(token: Token): string {
    const source = this.source(token);
    switch (token.type) {
      case 'end':
        return 'the end of the query';
      case 'string':
        return `the string ${source}`;
      case 'int':
      case 'float':
      case 'duration':
        return source;
      default:
        return `"${source}"`;
    }
  }

  /** Reads what is in brackets, unless that is too deep. */
  nest<T>(read: () => T): T {
    if (this.#nesting >= MAX_DEPTH) throw this.#tooDeep(this.#current);
    this.#nesting += 1;
    const result = read();
    this.#nesting -= 1;
    return result;
  }

  /** Returns a node that was just made of others, unless that is too deep. */
  made<T extends Node>(node: T): T {
    let depth = 0;
    for (const child of childrenOf(node)) depth = Math.max(depth, this.#depths.get(child) ?? 0);
    if (depth >= MAX_DEPTH) throw this.#tooDeep(node);
    this.#depths.set(node, depth + 1);
    return node;
  }

  /**
   * Reads operands with the operators between them that bind at least as tightly as `least`. `combine` gets two
   * operands, or all of a chain of one logical operator, and the place that they take with their brackets.
   */
  climb<T>(
    least: number,
    operand: () => T,
    combine: (operator: Token & { type: 'operator' }, operands: readonly [T, T, ...T[]], place: Place) => T,
  ): T {
    const { from } = this.#current;
    let left = operand();
    for (;;) {
      const token = this.#current;
      if (token.type !== 'operator') return left;
      const binding = bindingOf(token.text);
      if (binding === undefined || binding < least) return left;
      const operator = { ...token, type: 'operator' as const };
      const operands: [T, T, ...T[]] = [left, this.#rightOf(token.text, binding, operand, combine)];
      while (isLogical(token.text) && this.operator === token.text) {
        operands.push(this.#rightOf(token.text, binding, operand, combine));
      }
      left = combine(operator, operands, { from, to: this.#end });
    }
  }

  #rightOf<T>(
    operator: string,
    binding: Binding,
    operand: () => T,
    combine: (operator: Token & { type: 'operator' }, operands: readonly [T, T, ...T[]], place: Place) => T,
  ): T {
    this.advance();
    // Only ^ groups from the right.
    const least = operator === '^' ? binding : binding + 1;
    return this.nest(() => this.climb(least, operand, combine));
  }

  #tooDeep(place: Place): TraceqlError {
    return new TraceqlError('parse', place, `the query nests more than ${MAX_DEPTH} levels deep`, {
      hint: 'leave out brackets that are not needed, or ask in several queries',
    });
  }
}

/** Puts signs in quotes; words speak for themselves. */
function quoted(expected: string): string {
  return /^\W+$/.test(expected) ? `"${expected}"` : expected;
}

/** `a`, `a or b`, `a, b or c`. */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
