import type { JsonValue } from '../drafts/record.ts';

// Arrays and maps as ClickHouse writes them into CSV and TSV, and Python with `str`: JSON with single quotes.
// {'http.method':'GET','note':'it\'s'}  ['2024-05-01 12:00:00.123']  [{'a':'b'},{}]

const MAX_DEPTH = 64;
/** A number, or a word. */
const BARE = /[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|inf|nan)|[a-z]+/iy;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  0: '\0',
  a: '\x07',
  v: '\v',
};

/** Reads a literal; undefined for what is none. */
export function parseLiteral(text: string): JsonValue | undefined {
  const reader = new LiteralReader(text);
  const value = reader.value(0);
  return reader.isAtEnd ? value : undefined;
}

class LiteralReader {
  readonly #text: string;
  #at = 0;
  #failed = false;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return !this.#failed && this.#text.slice(this.#at).trim() === '';
  }

  value(depth: number): JsonValue {
    const sign = this.#peek();
    if (depth > MAX_DEPTH) return this.#fail();
    if (sign === "'" || sign === '"') return this.#quoted(sign);
    if (sign === '{' || sign === '[' || sign === '(') {
      this.#at++;
      return sign === '{' ? this.#map(depth) : this.#list(sign === '[' ? ']' : ')', depth);
    }
    BARE.lastIndex = this.#at;
    const [bare] = BARE.exec(this.#text) ?? [];
    if (bare === undefined) return this.#fail();
    this.#at += bare.length;
    if (/^[-+]?\d+$/.test(bare)) return BigInt(bare.replace('+', ''));
    const number = Number(bare);
    return Number.isNaN(number) ? this.#word(bare.toLowerCase()) : number;
  }

  /** A text in quotes; a quote inside stands behind a backslash or twice. */
  #quoted(quote: string): JsonValue {
    const from = ++this.#at;
    for (let at = from; at < this.#text.length; at++) {
      const sign = this.#text[at];
      if (sign === '\\') at++;
      else if (sign === quote) {
        if (this.#text[at + 1] !== quote) {
          this.#at = at + 1;
          return unescaped(this.#text.slice(from, at).replaceAll(quote + quote, quote));
        }
        at++;
      }
    }
    return this.#fail();
  }

  #word(word: string): JsonValue {
    if (word === 'true' || word === 'false') return word === 'true';
    // `nan` and `inf` have no JSON.
    return ['null', 'none', 'nan', 'inf', '-inf', '+inf'].includes(word) ? null : this.#fail();
  }

  #list(close: string, depth: number): JsonValue {
    const items: JsonValue[] = [];
    while (!this.#failed && !this.#take(close)) {
      items.push(this.value(depth + 1));
      if (!this.#take(',') && this.#peek() !== close) this.#fail();
    }
    return items;
  }

  #map(depth: number): JsonValue {
    const entries: [string, JsonValue][] = [];
    while (!this.#failed && !this.#take('}')) {
      const key = this.value(depth + 1);
      if (!this.#take(':') || typeof key === 'object') return this.#fail();
      entries.push([String(key), this.value(depth + 1)]);
      if (!this.#take(',') && this.#peek() !== '}') this.#fail();
    }
    return Object.fromEntries(entries);
  }

  #peek(): string | undefined {
    while (this.#text[this.#at]?.trim() === '') this.#at++;
    return this.#text[this.#at];
  }

  #take(sign: string): boolean {
    if (this.#peek() !== sign) return false;
    this.#at++;
    return true;
  }

  #fail(): JsonValue {
    this.#failed = true;
    return null;
  }
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|.)/gis, (_, sign: string) =>
    sign.length === 3 ? String.fromCharCode(Number.parseInt(sign.slice(1), 16)) : (ESCAPES[sign] ?? sign),
  );
}
