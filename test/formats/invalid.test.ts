import { describe, expect, test } from 'vitest';
import type { Reason } from '../../src/formats/reasons.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture, fixturesIn } from '../support/fixtures.ts';

// The files of fixtures/invalid: what is whole in them is read, the rest is counted and named.

const HINT = /tailspan formats FILE says what was seen/;
const KEPT = 'what stands before it was read';

type Count = readonly [reason: Reason, count: number, offset: number, detail: string];

interface Outcome {
  /** Names of the spans that are kept. */
  readonly spans: readonly string[];
  /** A clause that follows the file's name. */
  readonly fault?: string;
  readonly hint?: string | RegExp;
  readonly skipped?: readonly Count[];
  readonly repaired?: readonly Count[];
}

const TRUNCATED = 'the input ends before the document that begins here does';

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  // Nothing of it is trace data.
  'empty.json': { spans: [], fault: 'is empty', hint: HINT },
  'white-space.json': { spans: [], fault: 'holds only white space', hint: HINT },
  'binary-junk.bin': { spans: [], fault: 'is binary data in no format that is read', hint: HINT },
  'image.png': { spans: [], fault: 'is no trace dump but a PNG image', hint: HINT },
  'png-in-gzip.gz': { spans: [], fault: 'is no trace dump but a PNG image', hint: HINT },
  'table.csv': { spans: [], fault: 'is no trace dump that is read but a CSV table', hint: /--map/ },
  'page.html': { spans: [], fault: 'is no trace dump but HTML or XML', hint: HINT },
  'not-json.txt': { spans: [], fault: 'is text in no format that is read', hint: HINT },
  'no-traces.json': {
    spans: [],
    fault: 'holds JSON but no trace format that is read: an object with .hello .values .values[]',
    hint: HINT,
    skipped: [['unrecognised-json', 1, 0, 'an object with .hello .values .values[]']],
  },

  // Good files that end too early.
  'half-document.json': {
    spans: ['span 1'],
    fault: `is cut off: ${TRUNCATED} (byte 0)`,
    hint: KEPT,
    skipped: [['truncated', 1, 0, TRUNCATED]],
  },
  'cut-last-line.jsonl': {
    spans: ['span 1', 'span 2'],
    fault: `is cut off: ${TRUNCATED} (byte 528)`,
    hint: KEPT,
    skipped: [['truncated', 1, 528, TRUNCATED]],
  },
  'truncated-frame.pb': {
    spans: ['span 1', 'span 2'],
    fault: 'is cut off: the input ends inside a frame (byte 160)',
    hint: KEPT,
    skipped: [['truncated', 1, 160, 'the input ends inside a frame']],
  },
  'truncated-message.pb': {
    spans: [],
    fault: 'is cut off: the message ends inside a field (byte 0)',
    hint: 'not one span is whole',
    skipped: [['truncated', 1, 0, 'the message ends inside a field']],
  },

  // Something is broken in the middle.
  'broken-line.jsonl': {
    spans: ['span 1', 'span 2', 'span 3', 'span 4'],
    skipped: [['not-json', 1, 528, '%!(EXTRA string=resourceSpans)']],
  },
  'cut-line-between.jsonl': {
    spans: ['span 1', 'span 2', 'span 3', 'span 4'],
    skipped: [
      [
        'malformed-json',
        1,
        591,
        'expected the end of a string before the end of the line; the document begins at byte 528',
      ],
    ],
  },
  // What stands behind the cut line is good JSON as its rest.
  'cut-line-joined.jsonl': {
    spans: ['span 1', 'span 2'],
    fault: `is cut off: ${TRUNCATED} (byte 528)`,
    hint: KEPT,
    skipped: [['truncated', 1, 528, TRUNCATED]],
  },
  'bare-word.jsonl': {
    spans: ['span 1', 'span 2', 'span 3', 'span 4'],
    skipped: [['malformed-json', 1, 558, 'expected a value, found nope; the document begins at byte 528']],
  },
  'noise-lines.jsonl': {
    spans: ['span 1', 'span 2', 'span 3', 'span 4'],
    skipped: [['not-json', 2, 528, 'WARN: {queue} is full [3]']],
  },
  'wrong-types.json': {
    spans: ['span 1', '', 'span 3', 'span 4', 'span 5'],
    repaired: [
      ['unexpected-type', 15, 215, 'an attribute without a key'],
      ['invalid-time', 3, 1179, 'startTimeUnixNano'],
      ['missing-start', 1, 1950, 'the times of a span'],
    ],
  },
  'missing-ids.json': {
    spans: ['span 1', 'span 5'],
    skipped: [
      ['missing-trace-id', 1, 592, 'a span without traceId'],
      ['missing-span-id', 2, 885, 'a span without spanId'],
    ],
    repaired: [['invented-id', 1, 1533, 'not-an-id']],
  },
  'too-deep.json': {
    spans: ['span 1', 'span 3'],
    skipped: [['too-deep', 1, 306, 'an attribute nested more than 64 deep']],
  },
  'too-deep.pb': {
    spans: ['span 1', 'span 3'],
    skipped: [['too-deep', 1, 92, 'an attribute nested more than 64 deep']],
  },
  'broken-protobuf.pb': {
    spans: ['span 1', 'span 3'],
    skipped: [['malformed-protobuf', 1, 138, 'wire type 3 in a span']],
  },
  'junk-behind-message.pb': {
    spans: ['span 1', 'span 2', 'span 3'],
    skipped: [['malformed-protobuf', 1, 245, 'not a field of an OTLP message']],
  },
};

/** Tested below: its spans are those of another file. */
const TRUNCATED_GZIP = 'truncated.json.gz';

test('every file has an outcome', () => {
  const files = fixturesIn('invalid').map(name => name.replace('invalid/', ''));
  expect([...Object.keys(OUTCOMES), TRUNCATED_GZIP].sort()).toEqual(files);
});

describe.each(Object.entries(OUTCOMES))('%s', (file, { spans: names, fault, hint, skipped = [], repaired = [] }) => {
  test(`keeps ${names.length} spans${fault === undefined ? '' : ` and ${fault}`}`, async () => {
    const { account, spans } = await decodeDump(fixture(`invalid/${file}`));
    expect(spans.map(({ name }) => name)).toEqual(names);
    expect(account.fault?.message).toBe(fault);
    if (hint !== undefined) expect(account.fault?.hint).toMatch(hint);
    const counts = (list: readonly Count[]) =>
      list.map(([reason, count, offset, detail]) => ({ reason, count, first: { offset, detail } }));
    expect(account.skipped).toEqual(counts(skipped));
    expect(account.repaired).toEqual(counts(repaired));
  });
});

test(`${TRUNCATED_GZIP} gives the whole lines before the cut`, async () => {
  const { account, spans } = await decodeDump(fixture(`invalid/${TRUNCATED_GZIP}`));
  const lines = fixture('otlp-json/shop.jsonl').toString().split('\n');
  const whole = await decodeDump(lines.slice(0, 2).join('\n'));
  expect(whole.spans).toHaveLength(26);
  expect(spans.slice(0, 26)).toEqual(whole.spans);
  // Of the third line, what stands whole before the cut.
  expect(spans).toHaveLength(28);
  expect(account.fault).toEqual({ message: 'is cut off: its gzip data has no end', hint: KEPT });
  expect(account.skipped).toEqual([{ reason: 'truncated', count: 1, first: { offset: 17_036, detail: TRUNCATED } }]);
});

describe('wrong types', () => {
  test('cost the field and nothing else', async () => {
    const { spans } = await decodeDump(fixture('invalid/wrong-types.json'));
    const start = 1_793_606_400_000_000_000n;
    expect(
      spans.map(span => [span.name, span.kind, span.startTimeUnixNano - start, span.durationNano, span.attributes]),
    ).toEqual([
      ['span 1', 'internal', 1_000_000n, 100_000_000n, {}],
      ['', 'unspecified', 2_000_000n, 1_000_000n, {}],
      ['span 3', 'internal', -start, 0n, {}],
      ['span 4', 'internal', 4_000_000n, 1_000_000n, {}],
      // Its start is -1: it stands at its end. A key and a value that are bare numbers are taken.
      ['span 5', 'internal', 6_000_000n, 0n, { 7: 7n }],
    ]);
    expect(new Set(spans.map(({ serviceName }) => serviceName))).toEqual(new Set(['odd']));
  });
});
