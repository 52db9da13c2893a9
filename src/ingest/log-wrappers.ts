import { withoutColours } from '../formats/console-lines.ts';
import type { DecodeReport } from '../formats/format.ts';
import { isPlainText } from './head.ts';
import { Lines } from './lines.ts';
import { ItemLines } from './log-arrays.ts';

// What log drivers and log stores put around each line that a program printed. It is taken off between decompression and
// recognition, so that formats see what was printed:
//   {"log":"…\n","stream":"stdout","time":"…"}              Docker's json-file driver; long lines come in parts
//   2026-11-02T08:00:00.1Z stdout F …                        CRI (Kubernetes); P marks a part
//   {"MESSAGE":"…","__REALTIME_TIMESTAMP":"…",…}             journalctl -o json; MESSAGE may be an array of bytes
//   Nov 02 08:00:00 host shop[42]: …                         journalctl -o short, syslog
//   {"textPayload":"…","insertId":"…"}, {"jsonPayload":{…}}  Google Cloud Logging; also in an array
//   web-1  | …                                               docker compose: the container, padded to the longest name
//   {"message":"{…}","level":"info"}                         loggers whose message is JSON
//   colours of a terminal
// A wrapper is recognised by the first lines, of which most must have it. Lines without it pass as they are.

/** What was printed, of a line that has a wrapper. */
interface Piece {
  readonly text: string;
  /** Which of several streams of output it is of. */
  readonly stream: string;
  /** The line goes on in the next piece of its stream. */
  readonly isPart: boolean;
}

interface Wrapper {
  readonly title: string;
  /** Returns what was printed; undefined where the line has no such wrapper. `isCut` says that its end is not there. */
  unwrap(line: string, isCut: boolean): Piece | undefined;
}

/** What some line has where lines have a wrapper: hardly any dump has, and need not be taken apart. */
const MARKS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences begin with one
  /\x1b\[|"(?:log|MESSAGE|textPayload|jsonPayload)"\s*:|"(?:message|msg|body|@message)"\s*:\s*"\s*[{[]|^\d{4}-\d\d-\d\dT|^[A-Z][a-z]{2} [ \d]\d \d|^[\w.-]+ {2,}\|/m;
/** As many lines are looked at to recognise a wrapper. */
const SNIFFED_LINES = 50;
/** Docker cuts lines into parts of this size. */
const DOCKER_PART = 16 << 10;

/** Takes off one layer; given bytes of a stream, yields those of what was printed. */
export interface Unwrapping {
  /** What the wrapper is. */
  readonly title: string;
  readonly unwrap: (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>;
}

/** Returns how to take off the wrapper that the lines of a stream have; undefined where they have none. */
export function unwrappingOf(
  head: Uint8Array,
  isWhole: boolean,
  limit: number,
  report: DecodeReport,
): Unwrapping | undefined {
  if (head.length === 0 || !isPlainText(head)) return undefined;
  const text = Buffer.from(head).toString('utf8');
  if (!MARKS.test(text)) return undefined;
  if (isEntryArray(text)) return { title: 'an array of log entries', unwrap: itemLines };
  const lines = text.split('\n');
  const cut = isWhole ? undefined : lines.pop();
  const first = lines.filter(line => line.trim() !== '').slice(0, SNIFFED_LINES);
  // Of a first line that is longer than the head, what is there of it decides.
  const isCut = first.length === 0 && cut !== undefined;
  const sniffed = isCut ? [cut] : first;
  const wrapper = wrappersFor(sniffed).find(
    ({ unwrap }) => sniffed.filter(line => unwrap(line, isCut) !== undefined).length * 2 > sniffed.length,
  );
  return wrapper && { title: wrapper.title, unwrap: chunks => unwrapped(chunks, wrapper, limit, report) };
}

/** Says whether a text begins with an array of entries of Google Cloud Logging, as `gcloud logging read --format=json` prints it. */
function isEntryArray(text: string): boolean {
  if (!/^\s*\[\s*\{/.test(text)) return false;
  const [first = ''] = Buffer.from(new ItemLines().push(Buffer.from(text)))
    .toString('utf8')
    .trimStart()
    .split('\n');
  const fields = fieldsOf(first, true, 'Payload"');
  return (
    fields !== undefined &&
    ['textPayload', 'jsonPayload'].some(key => fields.has(key)) &&
    ['insertId', 'logName'].some(key => fields.has(key))
  );
}

async function* itemLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const lines = new ItemLines();
  for await (const chunk of chunks) {
    const text = lines.push(chunk);
    if (text.length > 0) yield text;
  }
}

async function* unwrapped(
  chunks: AsyncIterable<Uint8Array>,
  wrapper: Wrapper,
  limit: number,
  report: DecodeReport,
): AsyncGenerator<Uint8Array> {
  const lines = new Lines(limit, (length, offset) =>
    report.skip('record-too-large', offset, `a line of ${length} bytes`),
  );
  /** Parts of lines that have begun, by stream. */
  const begun = new Map<string, string>();
  const printed = (line: string, isLast: boolean): string => {
    const piece = wrapper.unwrap(line, isLast);
    // The last line may be cut off before its wrapper ends, and says more as it is.
    if (piece === undefined) return withoutColours(line) + (isLast ? '' : '\n');
    const text = (begun.get(piece.stream) ?? '') + piece.text;
    begun.delete(piece.stream);
    if (!piece.isPart || text.length > limit) return withoutColours(text) + (isLast ? '' : '\n');
    begun.set(piece.stream, text);
    return '';
  };
  for await (const chunk of chunks) {
    const text = lines
      .push(chunk)
      .map(line => printed(line.text, false))
      .join('');
    if (text !== '') yield Buffer.from(text);
  }
  const rest =
    lines
      .end()
      .map(line => printed(line.text, true))
      .join('') + [...begun.values()].map(text => `\n${text}`).join('');
  if (rest !== '') yield Buffer.from(rest);
}

function wrappersFor(lines: readonly string[]): readonly Wrapper[] {
  return [docker(lines), CRI, JOURNAL_JSON, JOURNAL_SHORT, COMPOSE, GOOGLE_CLOUD, MESSAGE_FIELD, COLOURS];
}

/** Docker: a line ends where its text does, but where a shipper has cut the line ends off, each record is a line. */
function docker(lines: readonly string[]): Wrapper {
  const read = (line: string, isCut: boolean) => {
    const fields = fieldsOf(line, isCut, '"log"');
    const log = textOf(fields?.get('log'), isCut);
    if (log === undefined || !(isCut || fields?.has('stream') || fields?.has('time'))) return undefined;
    return { log, stream: textOf(fields?.get('stream'), false) ?? '' };
  };
  const logs = lines.map(line => read(line, false)?.log ?? '');
  const hasLineEnds = logs.some(log => log.endsWith('\n') || Buffer.byteLength(log) >= DOCKER_PART);
  return {
    title: "Docker's json-file log",
    unwrap(line, isCut) {
      const record = read(line, isCut);
      if (record === undefined) return undefined;
      const { log, stream } = record;
      const isPart = hasLineEnds && !log.endsWith('\n');
      return { text: log.replace(/\r?\n$/, ''), stream, isPart };
    },
  };
}

const CRI_LINE = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)?(?: |$)/;
const CRI: Wrapper = {
  title: 'a CRI log',
  unwrap(line) {
    const match = CRI_LINE.exec(line);
    if (match === null) return undefined;
    return { text: line.slice(match[0].length), stream: match[1] ?? '', isPart: match[2] === 'P' };
  },
};

const JOURNAL_JSON: Wrapper = {
  title: 'a journal as JSON',
  unwrap(line, isCut) {
    const fields = fieldsOf(line, isCut, '"MESSAGE"');
    const message = fields?.get('MESSAGE');
    if (message === undefined || !['__CURSOR', '__REALTIME_TIMESTAMP', '_BOOT_ID'].some(key => fields?.has(key))) {
      return undefined;
    }
    const text = message.startsWith('[') ? bytesOf(message) : textOf(message, isCut);
    return text === undefined ? undefined : whole(text);
  },
};

const JOURNAL_LINE =
  /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? [\w.:-]+ [^\s:[\]]+(?:\[\d+\])?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?[+-]\d\d:?\d\d [\w.:-]+ [^\s:[\]]+\[\d+\]): ?/;
const JOURNAL_SHORT: Wrapper = {
  title: 'a journal or syslog',
  unwrap(line) {
    const match = JOURNAL_LINE.exec(line);
    return match === null ? undefined : whole(line.slice(match[0].length));
  },
};

/** Behind the longest name stand two spaces; the prefix may be coloured, and with `--timestamps` a time follows. */
const COMPOSE_LINE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences begin with one
  /^(?:\x1b\[[0-9;]*m)*([A-Za-z0-9][\w.-]*) {2,}\|(?:\x1b\[[0-9;]*m)*(?: |$)(?:\x1b\[[0-9;]*m)*(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z(?: |$))?/;
const COMPOSE: Wrapper = {
  title: 'a log of docker compose',
  unwrap(line) {
    const match = COMPOSE_LINE.exec(line);
    return match === null ? undefined : whole(line.slice(match[0].length));
  },
};

const GOOGLE_CLOUD: Wrapper = {
  title: 'entries of Google Cloud Logging',
  unwrap(line, isCut) {
    const fields = fieldsOf(line, isCut, 'Payload"');
    const payload = fields?.get('jsonPayload');
    // What was printed as a JSON object is the payload; a message in it is taken out by the next layer.
    if (payload?.startsWith('{')) return whole(payload);
    const text = textOf(fields?.get('textPayload'), isCut);
    return text === undefined ? undefined : whole(text);
  },
};

/** Fields of a trace's document, which is no wrapper whatever its message says. */
const OF_TRACES = /^(?:resource_?spans|spans|batches|trace|start_?time.*|duration.*)$/i;
const MESSAGE_FIELD: Wrapper = {
  title: 'messages of a JSON log',
  unwrap(line, isCut) {
    const fields = fieldsOf(line, isCut, '\\"');
    if (fields === undefined || [...fields.keys()].some(key => OF_TRACES.test(key))) return undefined;
    for (const key of ['message', 'msg', 'log', 'body', '@message']) {
      const text = textOf(fields.get(key), isCut);
      if (text !== undefined && /^\s*(?:\{\s*"|\[\s*\{\s*")/.test(text)) return whole(text);
    }
    return undefined;
  },
};

const COLOURS: Wrapper = {
  title: 'terminal colours',
  unwrap: line => (withoutColours(line) === line ? undefined : whole(line)),
};

function whole(text: string): Piece {
  return { text: text.replace(/\r?\n$/, ''), stream: '', isPart: false };
}

/** The text of a JSON string; undefined where it is none. A string whose end is cut off gives what is there of it. */
function textOf(value: string | undefined, isCut: boolean): string | undefined {
  if (value === undefined || !value.startsWith('"')) return undefined;
  try {
    const text: unknown = JSON.parse(value);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return isCut ? textOfCut(value) : undefined;
  }
}

/** The text of a JSON string that ends somewhere inside, perhaps inside an escape. */
function textOfCut(value: string): string | undefined {
  for (let missing = 0; missing < '\\u1234'.length; missing++) {
    try {
      return String(JSON.parse(`${value.slice(0, value.length - missing)}"`));
    } catch {
      // One character less.
    }
  }
  return undefined;
}

/** The text whose bytes a JSON array lists; undefined where it lists others. */
function bytesOf(value: string): string | undefined {
  if (!/^\[[\s\d,]*\]$/.test(value)) return undefined;
  return Buffer.from(value.slice(1, -1).split(',').map(Number)).toString('utf8');
}

/**
 * Returns the fields of a line that is a JSON object, each value as it is written: numbers of 64 bits stay exact. Undefined
 * where the line is none, or has no `mark` in it; of one whose end is cut off (`isCut`) the fields that have begun.
 */
function fieldsOf(line: string, isCut: boolean, mark: string): ReadonlyMap<string, string> | undefined {
  if (!line.startsWith('{') || !line.includes(mark)) return undefined;
  const fields = new Map<string, string>();
  let at = 1;
  for (;;) {
    at = behind(WHITE_SPACE, line, at);
    if (line[at] === '}') return line.slice(at + 1).trim() === '' ? fields : undefined;
    const keyEnd = behind(STRING, line, at);
    if (keyEnd === at) return isCut && at >= line.length ? fields : undefined;
    const colon = behind(WHITE_SPACE, line, keyEnd);
    if (line[colon] !== ':') return isCut && colon >= line.length ? fields : undefined;
    const start = behind(WHITE_SPACE, line, colon + 1);
    const end = behindValue(line, start);
    if (end === undefined && !isCut) return undefined;
    fields.set(line.slice(at + 1, keyEnd - 1), line.slice(start, end));
    if (end === undefined) return fields;
    at = behind(WHITE_SPACE, line, end);
    if (line[at] === ',') at++;
    else if (line[at] !== '}') return isCut && at >= line.length ? fields : undefined;
  }
}

const WHITE_SPACE = /[ \t\r]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const NEXT_MARK = /["{}[\]]/g;

/** Where a match at a place ends; the place itself where there is none. */
function behind(pattern: RegExp, line: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(line) ? pattern.lastIndex : at;
}

/** Where the value ends that begins at a place; undefined where the line ends before. */
function behindValue(line: string, start: number): number | undefined {
  if (line[start] !== '{' && line[start] !== '[') {
    const end = line[start] === '"' ? stringEnd(line, start) : behind(/[^,}\s]+/y, line, start);
    return end === start || end === undefined ? undefined : end;
  }
  let depth = 0;
  for (let at = start; ; ) {
    NEXT_MARK.lastIndex = at;
    const mark = NEXT_MARK.exec(line);
    if (mark === null) return undefined;
    at = mark.index + 1;
    if (mark[0] === '"') {
      const end = stringEnd(line, mark.index);
      if (end === undefined) return undefined;
      at = end;
    } else if (mark[0] === '{' || mark[0] === '[') depth++;
    else if (--depth === 0) return at;
  }
}

function stringEnd(line: string, start: number): number | undefined {
  for (let at = start; ; ) {
    at = line.indexOf('"', at + 1);
    if (at < 0) return undefined;
    let backslashes = 0;
    while (line[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}
