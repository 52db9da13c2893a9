import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isCompressed } from '../../src/ingest/compression.ts';
import { Follower } from '../../src/ingest/follow.ts';
import { GrowingText } from '../../src/ingest/follow-text.ts';
import { isPlainText } from '../../src/ingest/head.ts';
import { decodeDumps } from '../support/decode.ts';
import { fixture, fixtureFolders, fixturesIn } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/load.ts';

// Files that grow: what is handed over of them, when, and what becomes of it where they are rotated. Time passes when a test says so.

/** Long enough for a text to be quiet, for a document to be given up, and for a file without a name to be let go. */
const QUIET = 200;
const STUCK = 6_000;
const RETIRED = 11_000;

async function following(names: readonly string[], { fromStart = false } = {}) {
  let clock = 0;
  const said: string[] = [];
  const follower = await Follower.start(names, {
    fromStart,
    monotonicMs: () => clock,
    onNotice: async ({ message }) => void said.push(message),
    onProblem: async ({ message, hint }) => void said.push(`${message} (${hint})`),
  });
  onTestFinished(() => follower.close());
  return {
    follower,
    said,
    /** Lets time pass, and returns what is whole then. */
    async later(ms: number): Promise<string[]> {
      clock += ms;
      return (await follower.poll()).map(({ bytes }) => Buffer.from(bytes).toString());
    },
  };
}

const newFile = (content = '', name = 'traces.jsonl') => {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, content);
  return file;
};

describe('a file that grows', () => {
  test('is read from its end on; a document is whole when its line is', async () => {
    const file = newFile('{"old":1}\n');
    const { later } = await following([file]);
    expect(await later(0)).toEqual([]);
    appendFileSync(file, '{"a":1}\n{"b":');
    expect(await later(0)).toEqual(['{"a":1}\n']);
    appendFileSync(file, '2}');
    expect(await later(QUIET)).toEqual([]);
    appendFileSync(file, '\n');
    expect(await later(0)).toEqual(['{"b":2}\n']);
  });

  test('is read from its beginning on, if that is asked for', async () => {
    const file = newFile('{"old":1}\n');
    const { later } = await following([file], { fromStart: true });
    expect(await later(0)).toEqual(['{"old":1}\n']);
  });

  test('is read from the line on that is just being written', async () => {
    const file = newFile('{"old":1}\n{"a":');
    const { later } = await following([file]);
    expect(await later(0)).toEqual([]);
    appendFileSync(file, '1}\n');
    expect(await later(0)).toEqual(['{"a":1}\n']);
  });

  test('a document over many lines is whole when it ends, whatever stands in its strings', async () => {
    const file = newFile();
    const { later } = await following([file]);
    await later(0);
    appendFileSync(file, '{\n  "a": "}\\"}",\n');
    expect(await later(QUIET)).toEqual([]);
    appendFileSync(file, '  "b": [1, 2]\n}\n');
    expect(await later(0)).toEqual(['{\n  "a": "}\\"}",\n  "b": [1, 2]\n}\n']);
  });

  test('a document that is never ended is read as it is after a while', async () => {
    const file = newFile();
    const { later } = await following([file]);
    await later(0);
    appendFileSync(file, '[\n{"a":1},\n');
    expect(await later(QUIET)).toEqual([]);
    expect(await later(STUCK)).toEqual(['[\n{"a":1},\n']);
  });

  test('text is whole when nothing follows it, or when it has waited for long', async () => {
    const file = newFile();
    const { later } = await following([file]);
    await later(0);
    appendFileSync(file, 'Activity.TraceId: 1\n');
    expect(await later(0)).toEqual([]);
    appendFileSync(file, 'Activity.SpanId: 2\n');
    expect(await later(100)).toEqual([]);
    expect(await later(QUIET)).toEqual(['Activity.TraceId: 1\nActivity.SpanId: 2\n']);
    for (const line of ['a\n', 'b\n', 'c\n', 'd\n', 'e\n', 'f\n']) {
      appendFileSync(file, line);
      expect(await later(100)).toEqual([]);
    }
    appendFileSync(file, 'g\n');
    expect(await later(100)).toEqual(['a\nb\nc\nd\ne\nf\ng\n']);
  });

  test('rows of a table go with its heading', async () => {
    const heading = 'trace_id,span_id,parent_id,name,start_time,end_time\n';
    const file = newFile(`${heading}1,2,,a,1793606400000,1793606400001\n`, 'spans.csv');
    const { later } = await following([file]);
    await later(0);
    appendFileSync(file, '1,3,2,b,1793606400000,1793606400001\n');
    expect(await later(0)).toEqual([]);
    expect(await later(QUIET)).toEqual([`${heading}1,3,2,b,1793606400000,1793606400001\n`]);
  });

  test('a large file is read in turns with the others', async () => {
    const line = `{"a":"${'x'.repeat(1 << 20)}"}\n`;
    const large = newFile(line.repeat(9));
    const small = newFile('{"b":1}\n');
    const { follower } = await following([large, small], { fromStart: true });
    const turns: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const pieces = await follower.poll();
      turns.push(...pieces.map(({ name, bytes }) => `${name === small ? 'small' : 'large'} ${bytes.length >> 20}`));
      // There is more: nothing is waited for.
      await follower.wait(turn < 2 ? 60_000 : 1, new AbortController().signal);
    }
    expect(turns).toEqual(['large 3', 'small 0', 'large 4', 'large 2']);
  });
});

describe('a file that is rotated', () => {
  test('by its name: the old one is read to its end, also what comes late, and the new one from its beginning', async () => {
    const file = newFile('{"old":1}\n');
    const { later, said } = await following([file]);
    await later(0);
    appendFileSync(file, '{"a":1}\n');
    renameSync(file, `${file}.1`);
    writeFileSync(file, '{"b":1}\n');
    expect(await later(0)).toEqual(['{"b":1}\n']);
    expect(said).toEqual(['was replaced; the new file is read from its beginning']);
    expect(await later(0)).toEqual(['{"a":1}\n']);
    appendFileSync(`${file}.1`, '{"c":1}\n');
    expect(await later(5000)).toEqual(['{"c":1}\n']);
    expect(await later(RETIRED)).toEqual([]);
    appendFileSync(`${file}.1`, '{"d":1}\n');
    appendFileSync(file, '{"e":1}\n');
    expect(await later(0)).toEqual(['{"e":1}\n']);
  });

  test('by its name, before the new one is there', async () => {
    const file = newFile('{"old":1}\n');
    const { later, said } = await following([file]);
    await later(0);
    renameSync(file, `${file}.1`);
    appendFileSync(`${file}.1`, '{"a":1}\n');
    await later(0);
    expect(await later(0)).toEqual(['{"a":1}\n']);
    writeFileSync(file, '{"b":1}\n');
    expect(await later(0)).toEqual(['{"b":1}\n']);
    expect(said).toEqual(['is gone; what comes in its place is waited for', 'is there now']);
  });

  test('the last line of the old one needs no end', async () => {
    const file = newFile('');
    const { later } = await following([file]);
    await later(0);
    appendFileSync(file, '{"a":1}');
    await later(0);
    rmSync(file);
    await later(0);
    expect(await later(RETIRED)).toEqual(['{"a":1}']);
  });

  test('by copying and emptying it', async () => {
    const file = newFile('{"old":1}\n');
    const { later, said } = await following([file]);
    await later(0);
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
    expect(await later(0)).toEqual([]);
    appendFileSync(file, '{"a":1}\n');
    expect(await later(0)).toEqual(['{"a":1}\n']);
    expect(said).toEqual(['was emptied; it is read from its beginning']);
  });

  test('by emptying it, after which it has grown beyond where it was', async () => {
    const file = newFile('{"old":1}\n');
    const { later, said } = await following([file]);
    await later(0);
    const { ino } = statSync(file);
    truncateSync(file);
    appendFileSync(file, '{"a":1}\n{"b":1}\n{"c":1}\n');
    expect(statSync(file).ino).toBe(ino);
    expect(await later(0)).toEqual(['{"a":1}\n{"b":1}\n{"c":1}\n']);
    expect(said).toEqual(['was emptied; it is read from its beginning']);
  });

  test('a change of its times alone is none of its content', async () => {
    const file = newFile('{"old":1}\n');
    const { later, said } = await following([file]);
    await later(0);
    utimesSync(file, new Date(), new Date());
    expect(await later(0)).toEqual([]);
    expect(said).toEqual([]);
  });
});

describe('a file that is not there', () => {
  test('is waited for, and then read from its beginning', async () => {
    const file = join(temporaryFolder(), 'later/traces.jsonl');
    const { later, said } = await following([file]);
    expect(await later(0)).toEqual([]);
    expect(await later(1000)).toEqual([]);
    mkdirSync(join(file, '..'));
    writeFileSync(file, '{"a":1}\n');
    expect(await later(1000)).toEqual(['{"a":1}\n']);
    expect(said).toEqual(['does not exist yet; it is waited for', 'is there now']);
  });

  test('wakes whoever waits when it comes', async () => {
    const file = join(temporaryFolder(), 'traces.jsonl');
    const { later, follower } = await following([file]);
    await later(0);
    setTimeout(() => writeFileSync(file, '{"a":1}\n'), 20);
    await follower.wait(60_000, new AbortController().signal);
    expect(await later(0)).toEqual(['{"a":1}\n']);
  });
});

describe('what cannot be followed is given up with a sentence', () => {
  test.each([
    ['a compressed file', (file: string) => writeFileSync(file, gzipSync('{"a":1}\n')), 'is compressed: only text can'],
    ['a binary file', (file: string) => writeFileSync(file, Buffer.from([0x0a, 0x04, 1, 2])), 'is no text: only lines'],
    ['a folder', (file: string) => mkdirSync(file), 'is a folder (name the files in it)'],
  ])('%s', async (_, make, message) => {
    const file = join(temporaryFolder(), 'traces');
    make(file);
    const other = newFile();
    const { later, said, follower } = await following([file, other]);
    expect(await later(0)).toEqual([]);
    expect(said).toEqual([expect.stringContaining(message)]);
    expect(follower.isEnded).toBe(false);
    appendFileSync(other, '{"a":1}\n');
    expect(await later(0)).toEqual(['{"a":1}\n']);
  });

  test('and where nothing is left there is nothing to wait for', async () => {
    const { later, follower } = await following([temporaryFolder()]);
    await later(0);
    expect(follower.isEnded).toBe(true);
  });
});

describe('pieces of a text', () => {
  const text = fc.stringMatching(/^[ab{}[\]"'\\\n ,]{0,60}$/);
  const take = fc.constantFrom('nothing', 'documents', 'lines', 'open');

  test('are the text, in order, each of whole lines', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, take), { maxLength: 12 }), fc.nat(1000), (steps, offset) => {
        const growing = new GrowingText(offset);
        const pieces = [...steps, ['', 'all'] as const].flatMap(([added, patience]) => {
          growing.push(Buffer.from(added));
          return growing.take(patience) ?? [];
        });
        const whole = steps.map(([added]) => added).join('');
        expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString()).toBe(whole);
        expect(growing.length).toBe(0);
        let at = offset;
        for (const piece of pieces) {
          expect(piece.offset).toBe(at);
          at += piece.bytes.length;
        }
        for (const { bytes } of pieces.slice(0, -1)) expect(bytes.at(-1)).toBe(10);
      }),
    );
  });

  /** Formats whose records go over lines, or need what stands on the first line: they are taken as lines (follow.ts). */
  const OF_LINES = ['sentry-envelope', 'row-arrays', 'csv-spans'];
  /** A stream of Elastic's begins with metadata that holds for all that follows. */
  const WITH_METADATA = ['elastic-apm/intake.ndjson'];
  const files = [...fixtureFolders().filter(folder => folder !== 'programs' && !OF_LINES.includes(folder))]
    .flatMap(fixturesIn)
    .filter(file => !WITH_METADATA.includes(file))
    .filter(file => {
      const bytes = fixture(file);
      return bytes.length > 0 && bytes.length < 1 << 20 && !isCompressed(bytes) && isPlainText(bytes);
    });

  test('there are fixtures to be cut', () => {
    expect(files.length).toBeGreaterThan(100);
  });

  test.each(files)('%s: read one by one they give the spans of the whole', async file => {
    const bytes = fixture(file);
    const growing = new GrowingText(0);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 97) {
      growing.push(bytes.subarray(at, at + 97));
      const piece = growing.take('documents');
      if (piece !== undefined) pieces.push(piece.bytes);
    }
    const rest = growing.take('all');
    if (rest !== undefined) pieces.push(rest.bytes);
    const spans = (await decodeDumps(pieces)).flatMap(decoded => decoded.spans);
    const [whole] = await decodeDumps([bytes]);
    expect(spans).toEqual(whole?.spans);
  });
});
