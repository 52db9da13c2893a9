import { expect, test } from 'vitest';
import type { Reason } from '../../src/formats/reasons.ts';
import type { SourceAccount } from '../../src/ingest/account.ts';
import { describeAccount } from '../../src/ingest/describe-account.ts';

// The account of an ingest as one sentence.

type Described = Parameters<typeof describeAccount>[1][number];
type Changes = Partial<Omit<SourceAccount, 'skipped' | 'repaired'>> & {
  readonly skipped?: Partial<Record<Reason, number>>;
  readonly repaired?: Partial<Record<Reason, number>>;
};

function source(changes: Changes = {}, result: Partial<Described['result']> = {}): Described {
  const counts = (reasons: Changes['skipped'] = {}) =>
    Object.entries(reasons).map(([reason, count]) => ({
      reason: reason as Reason,
      count,
      first: { offset: 0, detail: '' },
    }));
  return {
    account: {
      source: 'demo.jsonl',
      format: 'otlp-json',
      documents: 1,
      spans: 0,
      bytes: 0,
      contentBytes: 0,
      fault: undefined,
      ...changes,
      skipped: counts(changes.skipped),
      repaired: counts(changes.repaired),
    },
    result: { spans: 284, traces: 70, duplicates: 0, sharedIds: 0, cuts: 0, ...result },
  };
}

test.each([
  ['read', [source()], 70, 'read 284 spans in 70 traces from demo.jsonl (OTLP JSON)'],
  ['loaded', [source({}, { spans: 1 })], 1, 'loaded 1 span in 1 trace from demo.jsonl (OTLP JSON)'],
  ['read', [source({ source: '-' })], 70, 'read 284 spans in 70 traces from stdin (OTLP JSON)'],
  [
    'read',
    [source({ format: 'otlp-proto+jaeger-json+unheard-of' })],
    70,
    'read 284 spans in 70 traces from demo.jsonl (OTLP protobuf, Jaeger JSON, unheard-of)',
  ],
  ['read', [source({ format: undefined }, { spans: 0 })], 0, 'read 0 spans in 0 traces from demo.jsonl'],
  [
    'read',
    [source({}, { spans: 1_234_567 }), source({ source: 'other' }, { spans: 1_000 })],
    12_345,
    'read 1,235,567 spans in 12,345 traces from 2 sources',
  ],
  [
    'read',
    [
      source(),
      source(
        { documents: 0, fault: { message: 'is text in no format that is read' }, skipped: { 'not-json': 97 } },
        { spans: 0 },
      ),
      source({ fault: { message: 'is cut off' }, skipped: { truncated: 1 } }, { spans: 1 }),
    ],
    71,
    'read 285 spans in 71 traces from 2 of 3 sources; skipped 1 document cut off by the end of the input',
  ],
  [
    'read',
    [source({}, { duplicates: 1 }), source({}, { duplicates: 1 })],
    70,
    'read 568 spans in 70 traces from 2 sources; left out 2 duplicates',
  ],
  [
    'read',
    [
      source({ skipped: { 'not-json': 2, 'otlp-logs': 12 }, repaired: { 'zero-id': 1 } }, { sharedIds: 2, cuts: 3 }),
      source({ skipped: { 'otlp-logs': 1_000 }, repaired: { 'unexpected-type': 4 } }, { cuts: 1 }),
    ],
    70,
    'read 568 spans in 70 traces from 2 sources; ' +
      'skipped 1,012 OTLP logs documents, 2 stretches of text that are not JSON; ' +
      'mended 4 fields of an unexpected type, left out, 1 id of nothing but zeros, ' +
      '2 spans that share their id with another, 4 cycles of parents, cut',
  ],
  [
    'read',
    [
      source(
        { skipped: { 'log-lines': 1, truncated: 1 }, repaired: { 'end-before-start': 1 } },
        { sharedIds: 1, cuts: 1 },
      ),
    ],
    70,
    'read 284 spans in 70 traces from demo.jsonl (OTLP JSON); ' +
      'skipped 1 line of other text, 1 document cut off by the end of the input; ' +
      'mended 1 span that ends before it starts, given duration 0, 1 span that shares its id with another, ' +
      '1 cycle of parents, cut',
  ],
])('%s %j', (verb, sources, traces, sentence) => {
  expect(describeAccount(verb, sources, traces)).toBe(sentence);
});

test('says what the source itself says of its traces, in its words', () => {
  const partial = source();
  const first = { offset: 0, detail: 'trace exceeds max size' };
  const account = { ...partial.account, repaired: [{ reason: 'partial-trace' as const, count: 1, first }] };
  expect(describeAccount('read', [{ ...partial, account }], 1)).toBe(
    'read 284 spans in 1 trace from demo.jsonl (OTLP JSON); the source says that 1 trace is partial: trace exceeds max size',
  );
  expect(
    describeAccount(
      'read',
      [1, 2].map(() => ({ ...partial, account })),
      1,
    ),
  ).toContain('the source says that 2 traces are partial: ');
});
