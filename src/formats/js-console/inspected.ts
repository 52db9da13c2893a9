import type { AttributeValue } from '../../model/attributes.ts';
import { BadRecord } from '../json/cursor.ts';

// Reads what `util.inspect` of Node.js makes of a value: JavaScript literals, and words in brackets for what it left out.
// https://nodejs.org/api/util.html#utilinspectobject-options
// { name: 'GET /', 'a.b': [ 1, 2.5 ], state: undefined, deep: [Object], resource: Resource { … }, bytes: Uint8Array(2) [ 0, 1 ] }

const MAX_DEPTH = 64;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  0: '\0',
};
const NUMBER = /-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?n?|Infinity)/iy;
const DATE = /\d{4}-\d\d-\d\dT[\d:.]+Z/y;
const WORD = /[A-Za-z_$][\w$]*/y;
/** What may stand between the name of a class and its body: its size, its tag, what it extends. */
const CLASS_SUFFIX = /(?:\(\d+\))?(?: \[[^\]]*\])*(?: <[^>]*>)? ?(?=[{[])/y;
const REMARK = /\.\.\. \d+ more [a-z]+/y;
const HOLES = /<(\d+) empty items?>/y;
const BUFFER = /<Buffer((?: [0-9a-f]{2})*)(?: \.\.\. \d+ more bytes?)?>/y;
const BYTE_CLASSES: readonly string[] = ['Uint8Array', 'Buffer'];

/**
 * Reads an inspected value. What `inspect` left out is the text that it put there: `[Object]`, `[Array]`. Throws `SyntaxError` where the
 * text is no such value, `BadRecord` where it is nested too deeply.
 */
export function parseInspected(text: string): AttributeValue | undefined {
  const reader = new InspectedReader(text);
  const value = reader.value(0);
  reader.expectEnd();
  return value;
}

class InspectedReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  expectEnd(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('the end');
  }

  value(depth: number): AttributeValue | undefined {
    if (depth > MAX_DEPTH) throw new BadRecord('too-deep', `values nested more than ${MAX_DEPTH} deep`);
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#bracket(depth);
      case "'":
      case '"':
      case '`':
        return this.#string();
      case '<':
        return this.#angle(depth);
      default:
        return this.#bare(depth);
    }
  }

  #unexpected(expected: string): SyntaxError {
    const found = this.#text.slice(this.#at, this.#at + 20).split('\n')[0] ?? '';
    return new SyntaxError(`expected ${expected}, found '${found}'`);
  }

  #skipSpace(): void {
    const { length } = this.#text;
    while (this.#at < length && ' \n\t\r'.includes(this.#text[this.#at] ?? '')) this.#at++;
  }

  /** Moves past a word that stands here; returns what the expression found. */
  #take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #tryTake(text: string): boolean {
    this.#skipSpace();
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Reads the items of a container up to its end; `item` reads one. */
  #items(end: string, item: () => void): void {
    this.#at++;
    while (!this.#tryTake(end)) {
      if (this.#at >= this.#text.length) throw this.#unexpected(`'${end}'`);
      item();
      if (!this.#tryTake(',')) {
        this.#skipSpace();
        if (this.#text[this.#at] !== end) throw this.#unexpected(`',' or '${end}'`);
      }
    }
  }

  #object(depth: number): AttributeValue {
    const entries: [string, AttributeValue][] = [];
    const members: AttributeValue[] = [];
    this.#items('}', () => {
      if (this.#take(REMARK) !== null) return;
      const key = this.#key();
      if (key !== undefined) {
        const value = this.value(depth + 1);
        if (value !== undefined) entries.push([key, value]);
        return;
      }
      // The entries of a Map are `key => value`, those of a Set are values.
      const first = this.value(depth + 1) ?? null;
      if (this.#tryTake('=>')) entries.push([String(first), this.value(depth + 1) ?? null]);
      else members.push(first);
    });
    return members.length > 0 ? members : Object.fromEntries(entries);
  }

  /** Reads the key that stands here and its colon; undefined, without having moved, where none does. */
  #key(): string | undefined {
    const start = this.#at;
    const first = this.#text[start];
    let key: string | undefined;
    if (first === "'" || first === '"' || first === '`') key = this.#string();
    else key = (this.#take(WORD) ?? this.#take(/\[[^\]]*\]/y) ?? this.#take(/\d+/y))?.[0];
    if (key !== undefined && this.#tryTake(':')) return key;
    this.#at = start;
    return undefined;
  }

  /** An array, or a word in brackets that stands for what was left out. */
  #bracket(depth: number): AttributeValue {
    const word = this.#take(/\[[A-Z][^\]]*\]/y)?.[0];
    if (word !== undefined) {
      // `[Object: null prototype] { … }`
      return word.startsWith('[Object: ') && this.#tryTake('{') ? this.#objectBehind(depth) : word;
    }
    return this.#array(depth);
  }

  #objectBehind(depth: number): AttributeValue {
    this.#at--;
    return this.#object(depth);
  }

  #array(depth: number): AttributeValue[] {
    const items: AttributeValue[] = [];
    this.#items(']', () => {
      const remark = this.#take(REMARK);
      if (remark !== null) {
        items.push(remark[0]);
        return;
      }
      const holes = this.#take(HOLES);
      if (holes !== null) {
        items.push(holes[0]);
        return;
      }
      items.push(this.value(depth + 1) ?? null);
    });
    return items;
  }

  #angle(depth: number): AttributeValue | undefined {
    const buffer = this.#take(BUFFER);
    if (buffer !== null) return new Uint8Array(Buffer.from((buffer[1] ?? '').replaceAll(' ', ''), 'hex'));
    if (this.#take(/<ref \*\d+> /y) !== null) return this.value(depth + 1);
    const other = this.#take(/<[^>\n]*>/y);
    if (other === null) throw this.#unexpected('a value');
    return other[0];
  }

  /** A text, also one that goes on in the next line (`'…\n' +`). */
  #string(): string {
    let text = '';
    do {
      this.#skipSpace();
      text += this.#quoted();
    } while (this.#tryTake('+'));
    const start = this.#at;
    const remark = this.#take(REMARK);
    if (remark === null) this.#at = start;
    return remark === null ? text : text + remark[0];
  }

  #quoted(): string {
    const source = this.#text;
    const quote = source[this.#at] ?? '';
    if (quote === '' || !`'"\``.includes(quote)) throw this.#unexpected('a text');
    let text = '';
    let from = ++this.#at;
    for (;;) {
      const character = source[this.#at];
      if (character === undefined) throw new SyntaxError('a text without an end');
      if (character === quote) {
        text += source.slice(from, this.#at++);
        return text;
      }
      if (character !== '\\') {
        this.#at++;
        continue;
      }
      text += source.slice(from, this.#at++) + this.#escape();
      from = this.#at;
    }
  }

  /** Reads what stands behind a backslash. */
  #escape(): string {
    const code = this.#take(/x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}/iy);
    if (code !== null) {
      const point = Number.parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16);
      return point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point);
    }
    const character = this.#text[this.#at++] ?? '';
    return SIMPLE_ESCAPES[character] ?? character;
  }

  #bare(depth: number): AttributeValue | undefined {
    const date = this.#take(DATE);
    if (date !== null) return date[0];
    const number = this.#take(NUMBER);
    if (number !== null) return numberOf(number[0]);
    const word = this.#take(WORD)?.[0];
    switch (word) {
      case undefined:
        throw this.#unexpected('a value');
      case 'true':
        return true;
      case 'false':
        return false;
      case 'null':
        return null;
      case 'undefined':
        return undefined;
      case 'NaN':
        return Number.NaN;
      default:
    }
    if (this.#take(CLASS_SUFFIX) !== null) {
      if (this.#text[this.#at] === '{') return this.#object(depth);
      const items = this.#array(depth);
      return BYTE_CLASSES.includes(word) ? bytesOf(items) : items;
    }
    // `Symbol(name)`, `Invalid Date`
    const rest = this.#take(/\([^)\n]*\)| Date/y);
    if (rest === null) throw new SyntaxError(`a word that is no value: '${word.slice(0, 20)}'`);
    return word + rest[0];
  }
}

function numberOf(text: string): AttributeValue {
  if (!/^-?\d+n?$/.test(text) || text === '-0') return Number(text);
  // A number is a double: of a large one only as many digits are printed as tell it from its neighbours.
  const integer = text.endsWith('n') ? BigInt(text.slice(0, -1)) : BigInt(Number(text));
  return BigInt.asIntN(64, integer) === integer ? integer : Number(integer);
}

function bytesOf(items: readonly AttributeValue[]): AttributeValue {
  const bytes = items.map(Number);
  return bytes.every(byte => Number.isInteger(byte) && byte >= 0 && byte < 256) ? Uint8Array.from(bytes) : items;
}
