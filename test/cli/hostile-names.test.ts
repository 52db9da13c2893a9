import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { widthOf } from '../../src/terminal/measure.ts';
import { draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { linesOf } from './shop.ts';

// Names and values that others wrote: whatever they hold, the terminal stays ours, lines stay lines and columns columns.

const ESC = String.fromCharCode(27);
const BEL = String.fromCharCode(7);
const NUL = String.fromCharCode(0);
const CSI = String.fromCharCode(0x9b);

const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ['colours', `${ESC}[31mred${ESC}[0m`],
  ['a cleared screen', `${ESC}[2J${ESC}[H`],
  ['a hyperlink', `${ESC}]8;;https://example.com${BEL}click${ESC}]8;;${BEL}`],
  ['a window title', `${ESC}]0;gotcha${BEL}`],
  ['C1 controls', `${CSI}31mred${CSI}0m`],
  ['tabs', 'a\tb\tc'],
  ['line ends', 'first\nsecond\r\nthird\rfourth'],
  ['separators of lines', 'first\u2028second\u2029third\u0085fourth'],
  ['NUL', `a${NUL}b`],
  ['backspaces', 'safe\b\b\b\bevil'],
  ['right to left', '\u202eevil\u202c \u2066x\u2069 \u200fy'],
  ['zero width', 'a\u200bb\u200dc\u2060d\ufeffe'],
  ['emoji', '👩‍👩‍👧‍👦 🏳️‍🌈 ☺️ 🇫🇷'],
  ['wide characters', '日本語のスパン名'],
  ['combining marks', `Z${'\u0301\u0321'.repeat(20)}algo`],
  ['10,000 characters', 'x'.repeat(10_000)],
  ['10,000 wide characters', '漢'.repeat(10_000)],
  ['a formula', '=HYPERLINK("http://example.com")'],
  ['markup', '<script>alert(1)</script> | **bold** `code` [link](http://example.com)'],
  ['JSON', '{"a":"b\\"","c":[1]}'],
  ['nothing', ''],
  ['spaces', '   '],
];

/** A failed trace in which the text is the name of a service, of spans, of attributes and events, and every value. */
function hostileTrace(text: string, traceId: number): Span[] {
  const drawing = `
    a | 0-100 | web | GET / | server, error
      b | 10-90 | web | call | client, error
        c | 20-80 | web | handle | server, error, exception: E: m @ 70
      d | 91-99 | web | plain | client
  `;
  return draw(drawing, { traceId: traceId.toString(16) }).map((span): Span => {
    const isHostile = span.name !== 'plain';
    return {
      ...span,
      name: isHostile ? text : span.name,
      serviceName: isHostile ? text : 'web',
      resource: { ...span.resource, 'service.name': isHostile ? text : 'web' },
      attributes: text === '' ? {} : { [text]: text, list: [text, text] },
      status: { ...span.status, message: text },
      events: span.events.map(event => ({
        ...event,
        name: event.name,
        attributes: {
          'exception.type': text,
          'exception.message': text,
          'exception.stacktrace': `${text}\n\tat ${text}`,
        },
      })),
    };
  });
}

const COMMANDS: readonly (readonly string[])[] = [
  ['summary'],
  ['search'],
  ['search', '--spans'],
  ['services'],
  ['operations'],
  ['critical-path'],
  ['errors'],
  ['sql', 'SELECT name, service_name, status_message FROM spans'],
];

/** Control characters other than line ends, marks that reorder text, and separators of lines. */
const UNSAFE = /(?!\n)\p{Cc}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;
/** Our own colours, and nothing else. */
const OUR_COLOURS = new RegExp(`${ESC}\\[(?:[0-9]|[1-4][0-9]|9[0-7]|38;5;[0-9]{1,3})m`, 'g');

/** Every hostile trace, each with an id of its own: 1, 2, 3 … */
const everything = () => dumpFile(...HOSTILE.map(([, text], index) => hostileTrace(text, index + 1)));

describe('names and values that others wrote', () => {
  test.each(COMMANDS.flatMap(args => (['table', 'plain', 'markdown'] as const).map(format => [args, format] as const)))(
    '%j --format %s: no control character gets through, and no line is wider than the screen',
    async (args, format) => {
      const written = await answer([...args, everything(), '--format', format, '--width', '80', '--limit', '0']);
      // In lists of plain a tab is what stands between fields.
      expect(UNSAFE.exec(format === 'plain' ? written.replaceAll('\t', ' ') : written)).toBeNull();
      if (format === 'table') expect(linesOf(written).filter(line => widthOf(line) > 80)).toEqual([]);
    },
  );

  test.each(COMMANDS)('%j: with colour there are our own colours alone', async (...args) => {
    const env = { TERM: 'xterm-256color' };
    const written = await answer([...args, everything(), '--format', 'table', '--color', 'always'], {
      isTty: true,
      env,
    });
    expect(written).toMatch(OUR_COLOURS);
    expect(UNSAFE.exec(written.replace(OUR_COLOURS, ''))).toBeNull();
  });

  test('JSON has the very text, and nothing that a terminal acts on', async () => {
    const written = await answer(['search', '--spans', everything(), '--json', '--limit', '0']);
    expect(UNSAFE.exec(written)).toBeNull();
    const { spans }: { spans: { name: string; traceId: string; attributes: object }[] } = JSON.parse(written);
    for (const [index, [, text]] of HOSTILE.entries()) {
      const own = spans.filter(span => Number.parseInt(span.traceId, 16) === index + 1);
      expect(own.map(({ name }) => name).sort()).toEqual([text, text, text, 'plain'].sort());
      if (text !== '') expect(own[0]?.attributes).toEqual({ [text]: text, list: [text, text] });
    }
  });

  test('of CSV a reader gets the text back, but for formulas', async () => {
    const fields = ['--fields', 'name,spanId'];
    const written = await answer(['search', '--spans', everything(), '--format', 'csv', '--limit', '0', ...fields]);
    const [header, ...rows] = parseCsv(written);
    expect(header).toEqual(['name', 'spanId']);
    expect(rows).toHaveLength(HOSTILE.length * 4);
    for (const row of rows) expect(row).toHaveLength(2);
    const names = rows.map(([name]) => name);
    for (const [, text] of HOSTILE) expect(names).toContain(/^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text);
  });

  test('a row of plain stays a line, and its fields stay fields', async () => {
    const lines = linesOf(await answer(['search', '--spans', everything(), '--limit', '0', '--fields', 'name,spanId']));
    expect(lines).toHaveLength(HOSTILE.length * 4);
    for (const line of lines) expect(line.split('\t')).toHaveLength(2);
  });

  test('a table of Markdown stays a table, and text stays text', async () => {
    const args = ['search', '--spans', everything(), '--limit', '0', '--fields', 'name,spanId', '--format', 'markdown'];
    const lines = linesOf(await answer(args));
    expect(lines).toHaveLength(2 + HOSTILE.length * 4);
    for (const line of lines) expect(line.match(/(?<!\\)\|/g)).toHaveLength(3);
    expect(lines.join()).not.toMatch(/(?<!\\)[<`*[]/);
  });

  test.each(HOSTILE)('%s: the bars of a waterfall end in one column, and no line is too wide', async (_, text) => {
    const lines = linesOf(await answer(['show', dumpFile(hostileTrace(text, 1)), '--width', '100']));
    const [axis = '', ...rows] = lines.filter(line => /│.*│/.test(line));
    const end = (line: string) => widthOf(line.slice(0, line.lastIndexOf('│')));
    expect(rows.map(end)).toEqual(rows.map(() => end(axis)));
    expect(lines.filter(line => widthOf(line) > 100)).toEqual([]);
  });

  test.each(HOSTILE)('%s: the path of one trace and one span in full', async (_, text) => {
    const file = dumpFile(hostileTrace(text, 1));
    for (const args of [
      ['critical-path', '1'],
      ['show', '--span', '63'],
    ]) {
      const written = await answer([...args, file, '--format', 'table', '--width', '60']);
      expect(UNSAFE.exec(written)).toBeNull();
      expect(linesOf(written).filter(line => widthOf(line) > 60)).toEqual([]);
    }
  });
});

test('a name without text is said to have none', async () => {
  const file = dumpFile(draw('a | 0-1 | web | x |').map(span => ({ ...span, name: '' })));
  for (const command of ['summary', 'search', 'show', 'operations', 'critical-path'])
    expect(await answer([command, file, '--format', 'table'])).toContain('(no name)');
  const { spans } = await answerJson<{ spans: { name: string }[] }>(['show', file]);
  expect(spans[0]?.name).toBe('');
});

test('file names are made harmless on stderr', async () => {
  const { exitCode, stderr } = await tailspan(['summary', `/nonexistent/${ESC}[31mred\nfile`]);
  expect(exitCode).toBe(2);
  expect(UNSAFE.exec(stderr)).toBeNull();
});

test('CSV on a terminal is made harmless; in a pipe it is exact', async () => {
  const file = dumpFile(hostileTrace(`${ESC}[31mred`, 1));
  const args = ['search', '--spans', file, '--format', 'csv', '--fields', 'name'];
  expect(await answer(args)).toContain(`${ESC}[31mred`);
  expect(await answer(args, { isTty: true })).toContain('\\x1b[31mred');
});

/** RFC 4180, as a reader of it would. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    if (quoted === undefined && bare === '' && end === '') break;
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? bare ?? '');
    if (end === '\n') rows.push([]);
  }
  return rows.filter(row => row.length > 0);
}
