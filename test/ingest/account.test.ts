import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REASONS, type Reason } from '../../src/formats/reasons.ts';
import { AccountKeeper, lostRecords, type SourceAccount } from '../../src/ingest/account.ts';

// The account: what came of every record.

const ALL_REASONS = Object.keys(REASONS) as Reason[];

const ACCOUNT: SourceAccount = {
  source: 'dump',
  format: undefined,
  documents: 0,
  spans: 0,
  bytes: 0,
  contentBytes: 0,
  skipped: [],
  repaired: [],
  fault: undefined,
};

test('records are counted by reason, each with its first example', () => {
  const keeper = new AccountKeeper();
  keeper.skip('not-json', 70, 'second line');
  keeper.skip('otlp-logs', 10, '');
  keeper.skip('not-json', 90, 'third line');
  keeper.repair('zero-id', 5, 'traceId');
  keeper.repair('zero-id', 6, 'spanId');
  expect(keeper.skipped).toEqual([
    { reason: 'otlp-logs', count: 1, first: { offset: 10, detail: '' } },
    { reason: 'not-json', count: 2, first: { offset: 70, detail: 'second line' } },
  ]);
  expect(keeper.repaired).toEqual([{ reason: 'zero-id', count: 2, first: { offset: 5, detail: 'traceId' } }]);
});

test('the order of reasons is that of the catalogue, whatever the order of the faults', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ALL_REASONS), reasons => {
      const keeper = new AccountKeeper();
      for (const reason of reasons) {
        keeper.skip(reason, 0, '');
        keeper.repair(reason, 0, '');
      }
      const expected = ALL_REASONS.filter(reason => reasons.includes(reason));
      expect(keeper.skipped.map(({ reason }) => reason)).toEqual(expected);
      expect(keeper.repaired.map(({ reason }) => reason)).toEqual(expected);
    }),
  );
});

test('details are cut, so that no record can fill the account', () => {
  const keeper = new AccountKeeper();
  keeper.skip('not-json', 0, 'x'.repeat(10_000));
  expect(keeper.skipped[0]?.first.detail).toBe('x'.repeat(200));
});

test('formats are named once, in order of appearance', () => {
  const keeper = new AccountKeeper();
  expect(keeper.format).toBeUndefined();
  for (const format of ['zipkin-json', 'otlp-json', 'zipkin-json']) keeper.document(format);
  expect(keeper.format).toBe('zipkin-json+otlp-json');
  expect(keeper.documents).toBe(3);
});

describe('records that are lost', () => {
  const reasonsOf = (severity: string) => ALL_REASONS.filter(reason => REASONS[reason].severity === severity);
  const skipped = (reasons: readonly Reason[]) =>
    reasons.map(reason => ({ reason, count: 3, first: { offset: 0, detail: '' } }));

  test('are those that are missing from the answers', () => {
    const lost = reasonsOf('lost');
    expect(lostRecords({ ...ACCOUNT, skipped: skipped(lost) })).toBe(3 * lost.length);
    expect(lost).toContain('truncated');
  });

  test('are neither those that are no trace data, nor what was mended', () => {
    const others = [...reasonsOf('foreign'), ...reasonsOf('mended')];
    expect(lostRecords({ ...ACCOUNT, skipped: skipped(others), repaired: skipped(reasonsOf('lost')) })).toBe(0);
    expect(others).toContain('otlp-metrics');
  });
});
