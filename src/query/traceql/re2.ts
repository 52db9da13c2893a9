// Says whether a regular expression is RE2, which TraceQL's are: https://github.com/google/re2/wiki/Syntax as Go's
// regexp/syntax reads it. What other engines have beyond it (lookaround, backreferences, possessive repetition) makes
// matching exponential, and is told apart from mere mistakes.

const MAX_REPEAT = 1000;
const MAX_NESTING = 250;

const POSIX_CLASSES = [
  ...[
    'alnum',
    'alpha',
    'ascii',
    'blank',
    'cntrl',
    'digit',
    'graph',
    'lower',
    'print',
    'punct',
    'space',
    'upper',
    'word',
  ],
  'xdigit',
];

/** `\a`, `\d`, `\123`, `\x7f`, `\x{10ffff}`, `\pL`, `\p{Greek}` and any ASCII sign. */
const ESCAPE =
  /\\(?:[afnrtvdDsSwW]|0[0-7]{0,2}|[1-7][0-7]{1,2}|x[\da-fA-F]{2}|x\{[\da-fA-F]{1,6}\}|[pP](?:([A-Z])|\{\^?([A-Za-z_]+)\})|[^\w\u0080-\u{10ffff}]|_)/uy;
const ASSERTION = /\\[AbBz]/y;
const LITERAL = /\\Q[\s\S]*?(?:\\E|$)/y;
const GROUP = /\((?:\?(?:P?<[A-Za-z_]\w*>|[imsU]*(?:-[imsU]+)?:))?(?!\?)/y;
const FLAGS = /\(\?[imsU]*(?:-[imsU]+)?\)/y;
const REPEAT = /(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/y;
const CLASS_ITEM = /\[:\^?([a-z]+):\]|\\.|[^\]]/suy;

/** Returns what keeps a pattern from being RE2, as a sentence that the pattern is named before; undefined where it is. */
export function faultOfRegex(pattern: string): string | undefined {
  let offset = 0;
  let depth = 0;
  let canRepeat = false;
  const take = (expression: RegExp) => {
    expression.lastIndex = offset;
    const match = expression.exec(pattern);
    offset += match?.[0].length ?? 0;
    return match;
  };
  while (offset < pattern.length) {
    const rest = pattern.slice(offset, offset + 12);
    if (rest.startsWith('\\')) {
      const escaped = take(LITERAL) ?? take(ASSERTION) ?? take(ESCAPE);
      if (escaped === null) return faultOfEscape(rest);
      if (!isKnownClass(escaped)) return `has the class ${escaped[0]}, which RE2 does not know`;
      if (!/^\\Q(?:\\E)?$/.test(escaped[0])) canRepeat = true;
    } else if (rest.startsWith('[')) {
      const length = lengthOfClass(pattern.slice(offset));
      if (typeof length === 'string') return length;
      offset += length;
      canRepeat = true;
    } else if (rest.startsWith('(')) {
      if (take(FLAGS) === null) {
        if (take(GROUP) === null) return faultOfGroup(rest);
        depth += 1;
        if (depth > MAX_NESTING) return `nests more than ${MAX_NESTING} groups`;
        canRepeat = false;
      }
    } else if (rest.startsWith(')')) {
      if (depth === 0) return 'has a ) without a (';
      depth -= 1;
      offset += 1;
      canRepeat = true;
    } else {
      const repeat = take(REPEAT);
      if (repeat !== null) {
        const fault = faultOfRepeat(repeat, canRepeat, pattern[offset]);
        if (fault !== undefined) return fault;
        canRepeat = false;
      } else {
        canRepeat = pattern[offset] !== '|';
        offset += (pattern.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
      }
    }
  }
  return depth > 0 ? 'has a ( without a )' : undefined;
}

function faultOfEscape(rest: string): string {
  if (rest.length === 1) return 'ends in a backslash';
  if (/^\\[1-9k]/.test(rest)) return `has a backreference (${rest.slice(0, 2)}), which RE2 does not know`;
  return `has the escape ${String.fromCodePoint(92, rest.codePointAt(1) ?? 0)}, which RE2 does not know`;
}

/** Says whether the class of an escape such as `\p{Greek}` is a category or script of Unicode; all others are. */
function isKnownClass([, letter, word]: RegExpExecArray): boolean {
  const name = letter ?? word;
  if (name === undefined || name === 'Any') return true;
  return ['gc', 'sc'].some(property => {
    try {
      return new RegExp(`\\p{${property}=${name}}`, 'u').unicode;
    } catch {
      return false;
    }
  });
}

function faultOfGroup(rest: string): string {
  const lookaround = /^\(\?<?[=!]/.exec(rest)?.[0];
  if (lookaround !== undefined) return `has a lookaround (${lookaround}…), which RE2 does not know`;
  if (/^\(\?[imsU-]*$/.test(rest)) return 'has a ( without a )';
  const kind = /^\(\?[^)]?/.exec(rest)?.[0] ?? '(?';
  return `has a group ${kind}…, which RE2 does not know`;
}

function faultOfRepeat([text, low, high]: RegExpExecArray, canRepeat: boolean, next: string | undefined) {
  if (!canRepeat) return `has nothing to repeat before ${text}`;
  if (next === '+' && low === undefined) return `has a possessive repetition (${text}+), which RE2 does not know`;
  if (next !== undefined && '*+?'.includes(next)) return `repeats a repetition (${text}${next})`;
  const most = Math.max(Number(low ?? 0), Number(high === '' ? 0 : (high ?? 0)));
  if (most > MAX_REPEAT) return `repeats more than ${MAX_REPEAT} times`;
  if (high !== undefined && high !== '' && Number(high) < Number(low))
    return `has a repetition that runs backwards (${text})`;
  return undefined;
}

/** Returns the length of the character class at the start of a text, or what is wrong with it. */
function lengthOfClass(text: string): number | string {
  let offset = text.startsWith('[^') ? 2 : 1;
  const first = offset;
  let low: number | undefined;
  let isRange = false;
  while (offset < text.length) {
    if (text[offset] === ']' && offset > first) return offset + 1;
    if (text[offset] === '-' && low !== undefined && !isRange && text[offset + 1] !== ']') {
      isRange = true;
      offset += 1;
      continue;
    }
    CLASS_ITEM.lastIndex = offset;
    const item = CLASS_ITEM.exec(text);
    const [whole, posix] = item ?? [text[offset] ?? ''];
    if (posix !== undefined && !POSIX_CLASSES.includes(posix)) return `has an unknown class [:${posix}:]`;
    let length = whole.length;
    if (whole.startsWith('\\')) {
      ESCAPE.lastIndex = offset;
      const escaped = ESCAPE.exec(text);
      if (escaped === null) return faultOfEscape(text.slice(offset, offset + 12));
      if (!isKnownClass(escaped)) return `has the class ${escaped[0]}, which RE2 does not know`;
      length = escaped[0].length;
    }
    const code = length === whole.length && posix === undefined && whole[0] !== '\\' ? whole.codePointAt(0) : undefined;
    if (isRange && low !== undefined && code !== undefined && code < low) {
      return `has a range that runs backwards (${String.fromCodePoint(low, 45, code)})`;
    }
    low = isRange ? undefined : code;
    isRange = false;
    offset += length;
  }
  return 'has a [ without a ]';
}
