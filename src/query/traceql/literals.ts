// How strings and durations are written in a query.
// Strings are Go's (https://go.dev/ref/spec#String_literals), durations Prometheus's (whole numbers of y w d h m s ms,
// from the largest unit down) or Go's (h m s ms us ns, with fractions: https://pkg.go.dev/time#ParseDuration).

const INT64_MAX = 2n ** 63n - 1n;

const UNITS: Readonly<Record<string, bigint>> = {
  y: 31_536_000_000_000_000n,
  w: 604_800_000_000_000n,
  d: 86_400_000_000_000n,
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ns: 1n,
};
const CALENDAR_UNITS: readonly string[] = ['y', 'w', 'd'];
const DESCENDING_UNITS: readonly string[] = ['y', 'w', 'd', 'h', 'm', 's', 'ms'];

/** Reads a duration such as `1h30m` or `1.5s`; returns nanoseconds, or what is wrong with it. */
export function parseDuration(text: string): bigint | string {
  const parts = [...text.matchAll(/(\d+)?(?:\.(\d*))?([a-zµμ]+)/gy)];
  if (text === '' || parts.reduce((length, [part]) => length + part.length, 0) !== text.length) {
    return 'is neither a number nor a duration';
  }
  let total = 0n;
  let last = -1;
  let isDescending = true;
  let hasFraction = false;
  let hasCalendarUnit = false;
  for (const [, whole = '', point, unit = ''] of parts) {
    const fraction = point ?? '';
    const nanos = UNITS[unit];
    if (unit.length > 2) return 'is neither a number nor a duration';
    if (nanos === undefined || whole + fraction === '') return `has an unknown unit: ${unit}`;
    total += BigInt(whole || '0') * nanos;
    total += (BigInt(fraction || '0') * nanos) / 10n ** BigInt(fraction.length);
    const rank = DESCENDING_UNITS.indexOf(unit);
    isDescending &&= rank > last;
    last = rank;
    hasFraction ||= point !== undefined;
    hasCalendarUnit ||= CALENDAR_UNITS.includes(unit);
  }
  if (total > INT64_MAX) return 'is longer than 292 years';
  if (hasCalendarUnit && hasFraction) return 'has a fraction, which days, weeks and years do not take';
  if (hasCalendarUnit && !isDescending) return 'has units in an order that days, weeks and years do not take';
  return total;
}

const LARGE_UNITS = ['h', 'm'] as const;
const SMALL_UNITS = ['s', 'ms', 'us'] as const;

/** Writes nanoseconds so that `parseDuration` reads the same: `1h30m`, `1.5s`, `250us`, `-2ms`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  let rest = nanos < 0n ? -nanos : nanos;
  let text = nanos < 0n ? '-' : '';
  for (const unit of LARGE_UNITS) {
    const size = UNITS[unit] ?? 1n;
    if (rest >= size) text += `${rest / size}${unit}`;
    rest %= size;
  }
  if (rest === 0n) return text;
  for (const unit of SMALL_UNITS) {
    const size = UNITS[unit] ?? 1n;
    if (rest < size) continue;
    const fraction = String(rest % size)
      .padStart(String(size).length - 1, '0')
      .replace(/0+$/, '');
    return `${text}${rest / size}${fraction === '' ? '' : `.${fraction}`}${unit}`;
  }
  return `${text}${rest}ns`;
}

/** Writes a double so that it reads back as a double, not as an integer. */
export function formatFloat(value: number): string {
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};
const ESCAPE = /\\(?:([abfnrtv\\"])|x([\da-fA-F]{2})|([0-7]{3})|u([\da-fA-F]{4})|U([\da-fA-F]{8}))/y;

/**
 * Reads what stands between the quotes of a string. Returns the text, or the offset and length of an escape that there
 * is not. Bytes (`\xC3\xA9`) are UTF-8.
 */
export function unescapeString(text: string): string | { readonly at: number; readonly length: number } {
  let result = '';
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) result += new TextDecoder().decode(Uint8Array.from(bytes));
    bytes = [];
  };
  let offset = 0;
  while (offset < text.length) {
    const backslash = text.indexOf('\\', offset);
    if (backslash !== offset) {
      flush();
      result += text.slice(offset, backslash === -1 ? text.length : backslash);
      if (backslash === -1) break;
      offset = backslash;
    }
    ESCAPE.lastIndex = offset;
    const match = ESCAPE.exec(text);
    if (match === null) return { at: offset, length: Math.min(2, text.length - offset) };
    const [whole, simple, hex, octal, short, long] = match;
    const byte = hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : -1;
    const codePoint = Number.parseInt(short ?? long ?? '0', 16);
    const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
    if (byte > 0xff || codePoint > 0x10ffff || isSurrogate) return { at: offset, length: whole.length };
    if (byte >= 0) bytes.push(byte);
    else {
      flush();
      result += simple === undefined ? String.fromCodePoint(codePoint) : SIMPLE_ESCAPES[simple];
    }
    offset += whole.length;
  }
  flush();
  return result;
}

/** Writes a string in double quotes. */
export function quoteString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  const escaped = text.replace(/["\\\u0000-\u001f\u007f]/g, character => {
    const simple = Object.keys(SIMPLE_ESCAPES).find(letter => SIMPLE_ESCAPES[letter] === character);
    return simple === undefined ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}` : `\\${simple}`;
  });
  return `"${escaped}"`;
}
