import type { Place } from './ast.ts';
import { type AttributeScope, HOLDERS, type Holder, SCOPES } from './fields.ts';
import { parseDuration, unescapeString } from './literals.ts';
import { TraceqlError } from './traceql-error.ts';

// Text to tokens, one at a time, so that the first fault in the text is the one that is told. An attribute with its scope
// is one token: its name takes nearly any character, so `span.a-b/c` is a name and `span.a - .b` a difference.

export type Token = Place &
  (
    | { readonly type: 'end' }
    | { readonly type: 'operator' | 'word'; readonly text: string }
    | { readonly type: 'string'; readonly value: string }
    | { readonly type: 'int' | 'duration'; readonly value: bigint }
    | { readonly type: 'float'; readonly value: number }
    | {
        readonly type: 'attribute';
        readonly holder: Holder;
        readonly scope: AttributeScope;
        readonly name: string;
        /** Some of the name is in quotes, so it cannot be the word of an intrinsic. */
        readonly isQuoted: boolean;
      }
    /** `scope:word`. */
    | { readonly type: 'intrinsic'; readonly scope: string; readonly word: string }
  );

const INT64_MAX = 2n ** 63n - 1n;
/** Words for the bounds of an integer; the digits of the least one alone would be one too many. */
const BOUNDS: ReadonlyMap<string, bigint> = new Map([
  ['minInt', -INT64_MAX - 1n],
  ['maxInt', INT64_MAX],
]);

/** Longest first. */
const OPERATORS = [
  ...['&>>', '&<<', '!>>', '!<<'],
  ...['&&', '||', '>>', '<<', '>=', '<=', '!=', '=~', '!~', '!>', '!<', '&>', '&<', '&~'],
  ...['=', '<', '>', '~', '!', '+', '-', '*', '/', '%', '^', '|', '(', ')', '{', '}', ','],
] as const;

const BLANK = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const WORD = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
/** What stands on behind a number: nothing, or it is a duration, or a mistake. */
const AFTER_NUMBER = /[\p{L}\p{N}_.]*/uy;
/** Ends an attribute name: a blank, or one of the characters that operators and brackets are made of. */
const NAME_END = /[\s{}()=~!<>&|^,]|$/g;
const TYPOGRAPHIC_QUOTES = /[“”‘’„«»]/;

/** Cuts a query into tokens. */
export class Lexer {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the next token; at the end an `end` again and again. Throws `TraceqlError` for what is no token. */
  next(): Token {
    this.#match(BLANK);
    const from = this.#offset;
    const character = this.#text[from];
    if (character === undefined) return { type: 'end', from, to: from };
    if (character === '"' || character === '`') return this.#string(from, character);
    if (/\d/.test(character) || /^\.\d/.test(this.#text.slice(from, from + 2))) return this.#number(from);
    if (character === '.') return this.#attribute(from, 'self', 'any');
    const word = this.#match(WORD);
    if (word !== undefined) return this.#word(from, word);
    for (const operator of OPERATORS) {
      if (!this.#text.startsWith(operator, from)) continue;
      if (operator === '/' && this.#text.startsWith('/*', from))
        throw this.#fault(from, 2, 'a comment has no end', '*/ ends it');
      this.#offset += operator.length;
      return { type: 'operator', text: operator, from, to: this.#offset };
    }
    throw this.#strange(from, character);
  }

  /** A word, or what a dot or a colon behind it makes of it. */
  #word(from: number, word: string): Token {
    const separator = this.#text[this.#offset];
    const holder = HOLDERS.find(name => name === word);
    const scope = SCOPES.find(name => name === word);
    if (separator === '.') {
      if (scope !== undefined) return this.#attribute(from, 'self', scope);
      if (holder !== undefined) {
        const inner = (['span', 'resource'] as const).find(name => this.#text.startsWith(`${name}.`, this.#offset + 1));
        this.#offset += inner === undefined ? 0 : inner.length + 1;
        return this.#attribute(from, holder, inner ?? 'any');
      }
    }
    if (separator === ':') {
      this.#offset += 1;
      this.#match(BLANK);
      const name = this.#match(WORD);
      if (name === undefined) {
        throw this.#fault(this.#offset, 1, `a name should follow "${word}:"`, 'such as span:name or trace:duration');
      }
      return { type: 'intrinsic', scope: word, word: name, from, to: this.#offset };
    }
    const to = this.#offset;
    const bound = BOUNDS.get(word);
    if (bound !== undefined) return { type: 'int', value: bound, from, to };
    return { type: 'word', text: word, from, to };
  }

  /** The name behind a scope; the offset stands at the dot. */
  #attribute(from: number, holder: Holder, scope: AttributeScope): Token {
    this.#offset += 1;
    const start = this.#offset;
    let name = '';
    let isQuoted = false;
    for (;;) {
      NAME_END.lastIndex = this.#offset;
      const end = NAME_END.exec(this.#text)?.index ?? this.#text.length;
      const plain = this.#text.slice(this.#offset, end);
      const quote = plain.indexOf('"');
      if (quote === -1) {
        name += plain;
        this.#offset = end;
        break;
      }
      name += plain.slice(0, quote) + this.#quotedName(this.#offset + quote);
      isQuoted = true;
    }
    if (this.#offset === start) {
      throw this.#fault(
        from,
        this.#offset - from,
        'an attribute name should follow the dot',
        'such as .http.route, or ."a name with blanks"',
      );
    }
    return { type: 'attribute', holder, scope, name, isQuoted, from, to: this.#offset };
  }

  /** A part of a name in quotes, in which only `\"` and `\\` are escapes. */
  #quotedName(quote: number): string {
    const match = /^"((?:[^"\\]|\\["\\])*)"/.exec(this.#text.slice(quote));
    if (match?.[1] !== undefined) {
      this.#offset = quote + match[0].length;
      return match[1].replace(/\\(.)/g, '$1');
    }
    const wrong = /^"(?:[^"\\]|\\["\\])*\\[^"\\]/.exec(this.#text.slice(quote));
    if (wrong === null) throw this.#fault(quote, 1, 'a quoted attribute name has no end', '" ends it');
    const at = quote + wrong[0].length - 2;
    throw this.#fault(
      at,
      2,
      `there is no escape ${this.#text.slice(at, at + 2)} in an attribute name`,
      'only \\" and \\\\ are escapes here',
    );
  }

  #string(from: number, quote: '"' | '`'): Token {
    const close = quote === '`' ? /`[^`]*`/y : /"(?:[^"\\\n]|\\[^\n])*"/y;
    const literal = this.#match(close);
    if (literal === undefined) {
      const isCut = quote === '"' && this.#text.slice(from).includes('\n');
      throw this.#fault(
        from,
        1,
        'a string has no end',
        isCut ? 'a string over several lines stands in backquotes' : `${quote} ends it`,
      );
    }
    const inner = literal.slice(1, -1);
    const value = quote === '`' ? inner : unescapeString(inner);
    if (typeof value !== 'string') {
      const wrong = inner.slice(value.at, value.at + value.length);
      throw this.#fault(
        from + 1 + value.at,
        value.length,
        `there is no escape ${wrong}`,
        'write \\\\ for a backslash, or put the string in backquotes',
      );
    }
    return { type: 'string', value, from, to: this.#offset };
  }

  #number(from: number): Token {
    const number = this.#match(NUMBER) ?? '';
    const rest = this.#match(AFTER_NUMBER) ?? '';
    const to = this.#offset;
    if (rest !== '') {
      const value = parseDuration(number + rest);
      if (typeof value === 'bigint') return { type: 'duration', value, from, to };
      throw this.#fault(
        from,
        to - from,
        `${number}${rest} ${value}`,
        'durations are written as 1h30m, 1.5s, 250ms, 10us or 7d',
      );
    }
    if (/^\d+$/.test(number)) {
      const value = BigInt(number);
      if (value <= INT64_MAX) return { type: 'int', value, from, to };
      throw this.#fault(
        from,
        to - from,
        'a whole number is at most 9223372036854775807',
        'a number with a point may be larger',
      );
    }
    const value = Number(number);
    if (Number.isFinite(value)) return { type: 'float', value, from, to };
    throw this.#fault(from, to - from, 'a number is at most 1.7976931348623157e308', 'write a smaller one');
  }

  #strange(from: number, character: string): TraceqlError {
    const shown = String.fromCodePoint(this.#text.codePointAt(from) ?? 0);
    if (character === '&') return this.#fault(from, 1, 'there is no operator &', '&& means "and"');
    if (character === "'" || TYPOGRAPHIC_QUOTES.test(character)) {
      return this.#fault(
        from,
        1,
        `strings do not begin with ${shown}`,
        'they stand in "double quotes" or `backquotes`',
      );
    }
    if (character === '#') return this.#fault(from, 1, 'comments do not begin with #', 'write // or /* */');
    if (character === ':') return this.#fault(from, 1, 'a scope should stand before the colon', 'such as span:name');
    const code = (shown.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
    const visible = /[\p{L}\p{P}\p{S}]/u.test(shown) ? shown : `the character U+${code}`;
    return this.#fault(
      from,
      shown.length,
      `${visible} has no meaning here`,
      'names with such characters stand in quotes: ."a name"',
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#text)?.[0];
    this.#offset += match?.length ?? 0;
    return match;
  }

  #fault(from: number, length: number, message: string, hint: string): TraceqlError {
    const to = Math.min(from + length, this.#text.length);
    return new TraceqlError('parse', { from, to }, message, { hint });
  }
}
