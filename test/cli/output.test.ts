import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { widthOf } from '../../src/terminal/measure.ts';
import { draw } from '../support/drawn-trace.ts';
import { dumpFile, temporaryFolder } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, FIXTURES, linesOf, PAGE_ID, PAYMENT_ID, refusal, shopFile } from './shop.ts';

// What every command does alike with its answer: formats, fields, where it goes, how wide it is, what stderr gets.

interface Question {
  /** As it stands in the names of tests. */
  readonly asked: string;
  /** The main list of the JSON answer. */
  readonly list: string;
  /** A pipe gets the list as lines of fields. */
  readonly isList: boolean;
  /** What every element of the list has. */
  readonly fields: readonly string[];
  args(file: string): readonly string[];
}

const question = (
  asked: string,
  list: string,
  isList: boolean,
  fields: readonly string[],
  args: (file: string) => readonly string[] = file => [...asked.split(' '), file],
): Question => ({ asked, list, isList, fields, args });

const QUESTIONS: readonly Question[] = [
  question('summary', 'services', false, ['serviceName', 'requestCount']),
  question('search', 'traces', true, ['traceId', 'durationNano']),
  question('search --spans', 'spans', true, ['spanId', 'name']),
  question(`show ${PAGE_ID.slice(0, 8)}`, 'spans', false, ['spanId', 'selfNano'], file => ['show', PAGE_ID, file]),
  question('services', 'services', true, ['serviceName', 'p95Nano']),
  question('operations', 'operations', true, ['name', 'kind']),
  question('critical-path', 'rows', true, ['name', 'selfNano']),
  question('critical-path ID', 'sections', false, ['spanId', 'share'], file => ['critical-path', PAGE_ID, file]),
  question('errors', 'groups', true, ['id', 'serviceName']),
  question('load', 'sources', true, ['source', 'spans'], file => [
    'load',
    file,
    '--db',
    join(temporaryFolder(), 'kept.duckdb'),
  ]),
];

type Answer = Record<string, Record<string, unknown>[]>;

describe.each(QUESTIONS)('$asked', ({ args, list, isList, fields }) => {
  test('--format json is one document with a version, and --json the same', async () => {
    const file = shopFile();
    const text = await answer([...args(file), '--format', 'json']);
    const parsed = JSON.parse(text);
    expect(Object.keys(parsed)[0]).toBe('schemaVersion');
    expect(parsed.schemaVersion).toBe(1);
    expect(parsed[list].length).toBeGreaterThan(0);
    for (const element of parsed[list]) for (const field of fields) expect(element).toHaveProperty([field]);
    if (!args(file).includes('load')) expect(await answer([...args(file), '--json'])).toBe(text);
  });

  test('--format ndjson is the main list, an element a line', async () => {
    const file = shopFile();
    const lines = linesOf(await answer([...args(file), '--format', 'ndjson'])).map(line => JSON.parse(line));
    const parsed = await answerJson<Answer>(args(file));
    expect(lines).toEqual(parsed[list]);
  });

  test('--format csv has a header and a line an element', async () => {
    const file = shopFile();
    const lines = linesOf(await answer([...args(file), '--format', 'csv']));
    const parsed = await answerJson<Answer>(args(file));
    expect(lines).toHaveLength(1 + (parsed[list]?.length ?? 0));
    for (const field of fields) expect(lines[0]?.split(',')).toContain(field);
  });

  test('--format markdown is a table, or a block of text where the answer is no list', async () => {
    const text = await answer([...args(shopFile()), '--format', 'markdown']);
    if (isList) expect(text).toMatch(/^\| .* \|\n\| (---|--:)( \| (---|--:))* \|\n(\| .* \|\n)+$/);
    else expect(text).toMatch(/^```text\n[^`]+```\n$/);
  });

  test('in a pipe it is --format plain, on a terminal --format table', async () => {
    const file = shopFile();
    expect(await answer([...args(file), '--format', 'plain'])).toBe(await answer(args(file)));
    expect(await answer([...args(file), '--format', 'table'], { isTty: true })).toBe(
      await answer(args(file), { isTty: true }),
    );
  });

  test('--fields picks and orders fields in every format', async () => {
    const file = shopFile();
    const [first = '', second = ''] = fields;
    const chosen = [second, first].join(',');
    const written = (format: string, ...more: string[]) =>
      answer([...args(file), '--fields', chosen, '--format', format, ...more]);
    const parsed: Answer = JSON.parse(await written('json'));
    for (const element of parsed[list] ?? []) expect(Object.keys(element)).toEqual([second, first]);
    for (const line of linesOf(await written('ndjson'))) expect(Object.keys(JSON.parse(line))).toEqual([second, first]);
    expect(linesOf(await written('csv'))[0]).toBe(chosen);
    expect(linesOf(await written('plain', '--header'))[0]).toBe(`${second}\t${first}`);
    for (const line of linesOf(await written('plain'))) expect(line.split('\t')).toHaveLength(2);
    for (const line of linesOf(await written('markdown'))) expect(line).toMatch(/^\| [^|]+ \| [^|]+ \|$/);
    expect(linesOf(await written('table')).length).toBe(1 + (parsed[list]?.length ?? 0));
  });

  test('an unknown field is refused with the fields that there are', async () => {
    const { hint, error, stdout } = await refusal([...args(shopFile()), '--fields', `${fields[0]}x`, '--json']);
    expect(error).toBe(`there is no field '${fields[0]}x'; did you mean '${fields[0]}'?`);
    for (const field of fields) expect(hint).toContain(field);
    expect(stdout).toBe('');
  });

  test('--output writes what stdout would get, and nothing else', async () => {
    const file = shopFile();
    const folder = temporaryFolder();
    const target = join(folder, 'answer.json');
    const json = (text: string) => JSON.parse(text)[list];
    expect(await answer([...args(file), '--json', '-o', target])).toBe('');
    expect(json(readFileSync(target, 'utf8'))).toEqual(json(await answer([...args(file), '--json'])));
    expect(readdirSync(folder)).toEqual(['answer.json']);
  });

  test('stdout has the answer alone, and --quiet leaves stderr empty', async () => {
    const file = shopFile();
    const loud = await tailspan([...args(file), '--json']);
    const quiet = await tailspan([...args(file), '--json', '--quiet']);
    expect(loud.stderr).toContain('9 spans in 3 traces from');
    expect(quiet).toMatchObject({ exitCode: 0, stderr: '' });
    expect(() => JSON.parse(loud.stdout)).not.toThrow();
  });

  test('--strict answers all the same, and exits with 2 where a record could not be read', async () => {
    const broken = `${FIXTURES}invalid/broken-line.jsonl`;
    const asked = args(broken).filter(argument => argument !== PAGE_ID);
    const loose = await tailspan([...asked, '--json']);
    const strict = await tailspan([...asked, '--json', '--strict']);
    expect([loose.exitCode, strict.exitCode]).toEqual([0, 2]);
    expect(strict.stderr).toMatch(/^error: .*: 1 record could not be read \(--strict\)\nhint: /);
    expect(JSON.parse(strict.stdout)).toHaveProperty('schemaVersion', 1);
  });

  test.each([40, 80, 200])('no line is wider than %i columns', async width => {
    for (const source of [shopFile(), EXAMPLE]) {
      const asked = args(source).map(argument =>
        argument === PAGE_ID && source === EXAMPLE ? '2d82b21542c91b01e21826b8509090aa' : argument,
      );
      const text = await answer([...asked, '--format', 'table', '--width', String(width)]);
      expect(linesOf(text).filter(line => widthOf(line) > width)).toEqual([]);
    }
  });
});

describe('the order and the shape of JSON', () => {
  test('the same question has the same bytes', async () => {
    const file = shopFile();
    for (const { args, asked } of QUESTIONS.filter(({ asked: name }) => name !== 'load')) {
      const once = await answer([...args(file), '--json']);
      expect([asked, await answer([...args(file), '--json'])]).toEqual([asked, once]);
    }
  });

  test('64-bit integers are exact: times, durations and attributes', async () => {
    const [span] = draw('a | 0-1 | web | GET / | big=9223372036854775807, small=42, least=-9223372036854775808');
    const file = dumpFile([
      { ...span!, startTimeUnixNano: 1_795_165_200_000_000_001n, durationNano: 9_007_199_254_740_993n },
    ]);
    const { spans } = await answerJson<{ spans: Record<string, unknown>[] }>(['show', file]);
    expect(spans[0]).toMatchObject({
      startTimeUnixNano: '1795165200000000001',
      endTimeUnixNano: '1804172399254740994',
      durationNano: '9007199254740993',
      attributes: { big: '9223372036854775807', small: 42, least: '-9223372036854775808' },
    });
    const [header, row] = linesOf(
      await answer(['show', file, '--format', 'csv', '--fields', 'startTimeUnixNano,durationNano,attributes.big']),
    );
    expect(header).toBe('startTimeUnixNano,durationNano,attributes.big');
    expect(row).toBe('1795165200000000001,9007199254740993,9223372036854775807');
  });
});

describe('flags about output', () => {
  test.each([
    ['jsn', 'json'],
    ['tabel', 'table'],
    ['markdwon', 'markdown'],
  ])('--format %s: did you mean %s?', async (wrong, meant) => {
    const { error, hint } = await refusal(['search', EXAMPLE, '--format', wrong]);
    expect(error).toBe(`--format does not know '${wrong}'`);
    expect(hint).toBe(`did you mean ${meant}? It takes auto, table, plain, json, ndjson, csv or markdown`);
  });

  test('--json and another --format contradict each other', async () => {
    const { error } = await refusal(['search', EXAMPLE, '--json', '--format', 'csv']);
    expect(error).toBe('--json and --format csv contradict each other');
    expect(await answer(['search', EXAMPLE, '--json', '--format', 'json'])).toContain('"schemaVersion": 1');
  });

  test('--width, then COLUMNS, then the terminal decide the width', async () => {
    const file = shopFile();
    const axisWidth = async (args: string[], columns: string | undefined, terminal: number) => {
      const env = columns === undefined ? {} : { COLUMNS: columns };
      const text = await answer(['show', PAGE_ID, file, ...args], { isTty: true, width: terminal, env });
      return Math.max(...linesOf(text).map(widthOf));
    };
    expect(await axisWidth(['--width', '90'], '110', 130)).toBe(90);
    expect(await axisWidth([], '110', 130)).toBe(110);
    expect(await axisWidth([], undefined, 130)).toBe(130);
    expect(await axisWidth([], 'wide', 130)).toBe(130);
    expect(await axisWidth([], '7', 130)).toBe(40);
  });

  test.each(['', ',', 'traceId,', 'traceId,,name'])('--fields %j is refused', async fields => {
    expect(await refusal(['search', EXAMPLE, '--fields', fields])).toMatchObject({
      error: `--fields takes names between commas, not '${fields}'`,
      hint: 'for example --fields traceId,durationMs',
    });
  });

  test.each(['39', '1001', '-1', 'wide', '80.5'])('--width %s is refused', async width => {
    const { error, hint } = await refusal(['search', EXAMPLE, `--width=${width}`]);
    expect(error).toBe(`--width takes a whole number from 40 to 1000, not '${width}'`);
    expect(hint).toBe('for example --width 100');
  });

  test('colour is for terminals, and for who insists', async () => {
    const file = shopFile();
    const sgr = new RegExp(`${String.fromCharCode(27)}\\[`);
    const isColoured = async (args: string[], env: Record<string, string>, isTty: boolean) =>
      sgr.test(await answer(['show', PAYMENT_ID, file, ...args], { isTty, env: { NO_COLOR: '', ...env } }));
    expect(await isColoured([], {}, true)).toBe(true);
    expect(await isColoured([], {}, false)).toBe(false);
    expect(await isColoured([], { NO_COLOR: '1' }, true)).toBe(false);
    expect(await isColoured([], { TERM: 'dumb' }, true)).toBe(false);
    expect(await isColoured([], { FORCE_COLOR: '1' }, false)).toBe(true);
    expect(await isColoured([], { FORCE_COLOR: '0' }, true)).toBe(false);
    expect(await isColoured(['--color', 'always'], { NO_COLOR: '1' }, false)).toBe(true);
    expect(await isColoured(['--color', 'never'], { FORCE_COLOR: '1' }, true)).toBe(false);
    expect(await isColoured(['--format', 'plain'], {}, true)).toBe(false);
    expect(await isColoured(['--format', 'markdown', '--color', 'always'], {}, true)).toBe(false);
  });

  test('lists of fields are never coloured: machines read them', async () => {
    const text = await answer(['search', shopFile()], { env: { NO_COLOR: '', FORCE_COLOR: '1' } });
    expect(text).toMatch(/^[\t\n -~]+$/);
  });

  test.each([
    ['--ascii', {}],
    ['a locale without UTF-8', { LANG: 'C', LC_ALL: 'de_DE.ISO-8859-1' }],
    ['TERM=linux', { TERM: 'linux' }],
  ])('%s: pictures are drawn in ASCII', async (what, env) => {
    const args = what === '--ascii' ? ['--ascii'] : [];
    for (const { args: argsOf } of QUESTIONS) {
      const text = await answer([...argsOf(shopFile()), '--format', 'table', ...args], { env });
      expect(text).toMatch(/^[\n -~]*$/);
    }
  });

  test('times are local on a terminal, UTC with --utc and everywhere else', async () => {
    const file = shopFile();
    const time = async (args: string[], isTty: boolean) =>
      /2026-11-20 \d\d:\d\d:\d\d\.\d+( UTC)?/.exec(await answer(['show', PAGE_ID, file, ...args], { isTty }))?.[0];
    expect(await time([], true)).toBe('2026-11-20 09:00:00.000');
    expect(await time(['--utc'], true)).toBe('2026-11-20 09:00:00.000 UTC');
    expect(await time([], false)).toBe('2026-11-20 09:00:00.000 UTC');
  });

  test('plain has times in RFC 3339 with nanoseconds, and cuts nothing', async () => {
    const name = 'n'.repeat(300);
    const file = dumpFile(draw(`a | 0-1 | web | ${name} |`));
    const [line = ''] = linesOf(await answer(['search', file], { width: 40 }));
    expect(line.split('\t')).toContain(name);
    expect(line.split('\t')).toContain('2026-11-20T09:00:00.000000000Z');
  });
});

describe('--output', () => {
  test('a file that cannot be written is told in words', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const args = (target: string) => ['search', shopFile(), '-o', target];
    expect((await refusal(args(join(folder, 'none/x')))).error).toContain(
      'cannot be written: its folder does not exist',
    );
    expect((await refusal(args(join(folder, 'file/x')))).error).toContain('what should be a folder is a file');
    expect((await refusal(args(folder))).error).toContain('cannot be written: it is a folder');
  });

  test('never writes over what is read', async () => {
    const file = shopFile();
    const before = readFileSync(file, 'utf8');
    const link = join(temporaryFolder(), 'link');
    symlinkSync(file, link);
    for (const target of [file, link]) {
      expect((await refusal(['search', file, '-o', target])).error).toBe(
        `--output ${target} would overwrite what is read`,
      );
    }
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('leaves the file as it was where the answer fails', async () => {
    const target = join(temporaryFolder(), 'kept');
    writeFileSync(target, 'before');
    await refusal(['search', shopFile(), '--fields', 'nothing', '-o', target]);
    expect(readFileSync(target, 'utf8')).toBe('before');
  });

  test('keeps the mode of a file that is there, and writes through a link', async () => {
    const folder = temporaryFolder();
    const target = join(folder, 'answer');
    const link = join(folder, 'link');
    writeFileSync(target, '', { mode: 0o600 });
    symlinkSync(target, link);
    await answer(['search', shopFile(), '-o', link, '--json']);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(target, 'utf8')).traces).toHaveLength(3);
    expect(readdirSync(folder).sort()).toEqual(['answer', 'link']);
  });

  test('to a file it is plain, in UTC and without colour or what to type next, also from a terminal', async () => {
    const target = join(temporaryFolder(), 'answer');
    await answer(['summary', shopFile(), '-o', target], { isTty: true, env: { NO_COLOR: '', FORCE_COLOR: '3' } });
    const text = readFileSync(target, 'utf8');
    expect(text).toContain(' UTC ');
    expect(text).not.toContain('tailspan show');
    expect(text).not.toContain(String.fromCharCode(27));
  });
});

describe('a pager', () => {
  test('is for long answers on a terminal alone', async () => {
    const shown = join(temporaryFolder(), 'paged');
    const env = { PAGER: `cat > '${shown}'` };
    expect(await answer(['search', shopFile()], { env })).not.toBe('');
    expect(await answer(['search', shopFile()], { env, isTty: true })).not.toBe('');
    expect(() => readFileSync(shown)).toThrow('ENOENT');
  });
});
