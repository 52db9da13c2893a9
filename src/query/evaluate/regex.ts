import type { StringLiteral } from '../traceql/ast.ts';
import { TraceqlError } from '../traceql/traceql-error.ts';

// RE2's regular expressions (https://github.com/google/re2/wiki/Syntax) as JavaScript's. Only whether a whole text
// matches is asked, so captures and greed do not matter. `faultOfRegex` of traceql/re2.ts has found the pattern to be
// RE2; what only one of the two engines knows is refused here. Unlike RE2's, JavaScript's time is not linear.

/**
 * Compiles the pattern of `=~` and `!~`: it matches whole texts, and `.` matches line ends. Throws `TraceqlError` of
 * kind `validation` where JavaScript has no such expression.
 */
export function compileRegex(literal: StringLiteral): RegExp {
  const pattern = literal.value;
  // Where JavaScript cannot turn case-insensitivity on and off within an expression, one that has it throughout works.
  const isCaseless = /\(\?[msU]*i/.test(pattern);
  try {
    const source = new Translator(pattern, isCaseless).translate();
    return new RegExp(`^(?:${source})$`, isCaseless ? 'iu' : 'u');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TraceqlError('validation', literal, 'the regular expression cannot be matched against spans in memory', {
      hint: 'leave out rare Unicode classes and (?i) inside of the expression',
    });
  }
}

interface Flags {
  /** Letters match in either case. */
  readonly i: boolean;
  /** `^` and `$` match at line ends. */
  readonly m: boolean;
  /** `.` matches line ends. */
  readonly s: boolean;
}

type Range = readonly [from: number, to: number];

const LAST_CODE_POINT = 0x10ffff;

/** Ranges of characters, from first to last. */
function ranges(...pairs: readonly string[]): readonly Range[] {
  return pairs.map(pair => [pair.charCodeAt(0), pair.charCodeAt(1)]);
}

const POSIX_CLASSES: Readonly<Record<string, readonly Range[]>> = {
  alnum: ranges('09', 'AZ', 'az'),
  alpha: ranges('AZ', 'az'),
  ascii: ranges('\0\x7f'),
  blank: ranges('\t\t', '  '),
  cntrl: ranges('\0\x1f', '\x7f\x7f'),
  digit: ranges('09'),
  graph: ranges('!~'),
  lower: ranges('az'),
  print: ranges(' ~'),
  punct: ranges('!/', ':@', '[`', '{~'),
  space: ranges('\t\r', '  '),
  upper: ranges('AZ'),
  word: ranges('09', 'AZ', '__', 'az'),
  xdigit: ranges('09', 'AF', 'af'),
};
/** RE2's `\s`, without the vertical tab of `[:space:]`. */
const SPACE = ranges('\t\n', '\f\r', '  ');

const ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

const QUOTED = /\\Q([\s\S]*?)(?:\\E|$)/y;
const ASSERTION = /\\[AbBz]|[$^]/y;
const ESCAPE = /\\(?:[pP](?:\{[^}]*\}|.)|x\{[\da-fA-F]+\}|x[\da-fA-F]{2}|[0-7]{1,3}|.)/suy;
const GROUP = /\((?:\?(?:P?<\w+>|([imsU]*)(?:-([imsU]+))?([:)])))?/y;
const REPEAT = /(?:[*+?]|\{\d+(?:,\d*)?\})\??/y;
const POSIX_ITEM = /\[:(\^?)([a-z]+):\]/y;
const CHARACTER = /[\s\S]/uy;

class Translator {
  readonly #pattern: string;
  readonly #isCaseless: boolean;
  #offset = 0;
  #flags: Flags = { i: false, m: false, s: true };
  /** The flags outside of each group that is open. */
  readonly #outer: Flags[] = [];

  constructor(pattern: string, isCaseless: boolean) {
    this.#pattern = pattern;
    this.#isCaseless = isCaseless;
  }

  translate(): string {
    let source = '';
    while (this.#offset < this.#pattern.length) source += this.#next();
    return source;
  }

  #next(): string {
    const quoted = this.#take(QUOTED);
    if (quoted !== undefined) return [...(quoted[1] ?? '')].map(text => this.#atom(literal(codeOf(text)))).join('');
    const assertion = this.#take(ASSERTION);
    if (assertion !== undefined) return `(?:${this.#assertion(assertion[0])})`;
    const escaped = this.#take(ESCAPE);
    if (escaped !== undefined) {
      const item = itemOf(escaped[0]);
      return this.#atom(typeof item === 'number' ? literal(item) : `[${item}]`);
    }
    const group = this.#take(GROUP);
    if (group !== undefined) return this.#group(group);
    const repeat = this.#take(REPEAT);
    if (repeat !== undefined) return repeat[0];
    const [character = ''] = this.#take(CHARACTER) ?? [];
    switch (character) {
      case '[':
        return this.#atom(this.#class());
      case ')':
        this.#flags = this.#outer.pop() ?? this.#flags;
        return ')';
      case '|':
        return '|';
      case '.':
        return this.#flags.s ? '[^]' : '[^\\n]';
      default:
        return this.#atom(literal(codeOf(character)));
    }
  }

  #assertion(text: string): string {
    if (text === '\\A') return '^';
    if (text === '\\z') return '$';
    if (text.startsWith('\\') || !this.#flags.m) return text;
    return text === '^' ? '(?<![^\\n])' : '(?![^\\n])';
  }

  #group([, on, off = '', end]: RegExpExecArray): string {
    if (end !== ')') this.#outer.push(this.#flags);
    if (on !== undefined) {
      const flagOf = (flag: keyof Flags) => (this.#flags[flag] || on.includes(flag)) && !off.includes(flag);
      this.#flags = { i: flagOf('i'), m: flagOf('m'), s: flagOf('s') };
    }
    return end === ')' ? '' : '(?:';
  }

  /** A piece that matches one character, in the case that its place asks for. */
  #atom(source: string): string {
    if (this.#flags.i === this.#isCaseless) return source;
    return this.#flags.i ? `(?i:${source})` : `(?-i:${source})`;
  }

  /** A character class; its bracket has been taken. */
  #class(): string {
    let source = '[';
    if (this.#pattern[this.#offset] === '^') {
      source += '^';
      this.#offset += 1;
    }
    const first = this.#offset;
    while (this.#pattern[this.#offset] !== ']' || this.#offset === first) {
      const item = this.#classItem();
      if (typeof item === 'number' && /^-[^\]]/.test(this.#pattern.slice(this.#offset, this.#offset + 2))) {
        this.#offset += 1;
        const last = this.#classItem();
        if (typeof last !== 'number') throw new SyntaxError('a range that ends in a class');
        source += rangeSource([item, last]);
      } else source += typeof item === 'number' ? literal(item) : item;
    }
    this.#offset += 1;
    return `${source}]`;
  }

  #classItem(): number | string {
    const posix = this.#take(POSIX_ITEM);
    if (posix !== undefined) {
      const [, negation, name = ''] = posix;
      const members = POSIX_CLASSES[name] ?? [];
      if (negation === '') return members.map(rangeSource).join('');
      // JavaScript folds the complement, RE2 what it is the complement of.
      if (this.#flags.i && (name === 'lower' || name === 'upper')) throw new SyntaxError('a complement without case');
      return complement(members).map(rangeSource).join('');
    }
    const escaped = this.#take(ESCAPE);
    if (escaped !== undefined) return itemOf(escaped[0]);
    const character = this.#take(CHARACTER);
    if (character === undefined) throw new SyntaxError('a class without an end');
    return codeOf(character[0]);
  }

  #take(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#offset;
    const match = expression.exec(this.#pattern) ?? undefined;
    this.#offset += match?.[0].length ?? 0;
    return match;
  }
}

/** What an escape stands for: a code point, or what JavaScript has for it within a class. */
function itemOf(escaped: string): number | string {
  const letter = escaped.charAt(1);
  switch (letter) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
      return escaped;
    case 's':
      return SPACE.map(rangeSource).join('');
    case 'S':
      return complement(SPACE).map(rangeSource).join('');
    case 'p':
    case 'P':
      return unicodeClass(escaped);
    case 'x':
      return Number.parseInt(escaped.replace(/[\\x{}]/g, ''), 16);
  }
  if (/\d/.test(letter)) return Number.parseInt(escaped.slice(1), 8);
  return ESCAPES[letter] ?? codeOf(escaped.slice(1));
}

/** `\pN`, `\p{Greek}`, `\P{^Lu}` and so on: a general category has one or two letters, all else is a script. */
function unicodeClass(escaped: string): string {
  const name = escaped.slice(2).replace(/[{}^]/g, '');
  const isNegated = escaped.startsWith('\\P') !== escaped.includes('^');
  const property = name.length <= 2 || name === 'Any' ? name : `Script=${name}`;
  return `\\${isNegated ? 'P' : 'p'}{${property}}`;
}

function complement(members: readonly Range[]): readonly Range[] {
  const starts = [0, ...members.map(([, to]) => to + 1)];
  const ends = [...members.map(([from]) => from - 1), LAST_CODE_POINT];
  return starts.map((from, index): Range => [from, ends[index] ?? from]).filter(([from, to]) => from <= to);
}

function rangeSource([from, to]: Range): string {
  return `${literal(from)}-${literal(to)}`;
}

/** A code point as it can stand anywhere, in a class too. */
function literal(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
