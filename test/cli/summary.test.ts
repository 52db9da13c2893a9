import { describe, expect, test } from 'vitest';
import { draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson } from '../support/run.ts';
import { EXAMPLE, linesOf, ORPHAN_ID, PAGE_ID, PAYMENT_ID, shopFile } from './shop.ts';

interface Answered {
  readonly services: readonly { readonly serviceName: string }[];
  readonly slowestTraces: readonly { readonly traceId: string }[];
  readonly failedTraces: readonly { readonly traceId: string }[];
}

describe('summary', () => {
  test('answers what is in the data, what is slow and what failed', async () => {
    const { services, slowestTraces, failedTraces, ...counts } = await answerJson<Answered>(['summary', shopFile()]);
    expect(counts).toEqual({
      schemaVersion: 1,
      startTimeUnixNano: '1795165200000000000',
      endTimeUnixNano: '1795165320010000000',
      traceCount: 3,
      spanCount: 9,
      errorCount: 3,
      failedTraceCount: 1,
      trust: {
        traceCount: 3,
        spanCount: 9,
        incompleteTraceCount: 1,
        orphanCount: 1,
        missingParents: [{ calledService: 'bank', traceCount: 1 }],
        sampledSpanCount: 0,
        skippedRecordCount: 0,
      },
    });
    expect(services.map(({ serviceName }) => serviceName)).toEqual(['web', 'cart', 'bank']);
    expect(slowestTraces.map(({ traceId }) => traceId)).toEqual([PAGE_ID, PAYMENT_ID, ORPHAN_ID]);
    expect(failedTraces).toEqual([
      {
        traceId: PAYMENT_ID,
        rootServiceName: 'web',
        rootSpanName: 'POST /pay',
        firstServiceName: 'web',
        firstSpanName: 'POST /pay',
        startTimeUnixNano: '1795165260000000000',
        durationNano: '40000000',
        durationMs: 40,
        spanCount: 3,
        errorCount: 3,
        services: ['web', 'bank'],
        complete: true,
      },
    ]);
  });

  test('--limit is the length of each list of traces, 0 for all', async () => {
    const lengths = async (limit: string) => {
      const { slowestTraces, failedTraces } = await answerJson<Answered>(['summary', EXAMPLE, '-n', limit]);
      return [slowestTraces.length, failedTraces.length];
    };
    expect(await lengths('2')).toEqual([2, 2]);
    expect(await lengths('0')).toEqual([25, 5]);
    expect(await answer(['summary', EXAMPLE, '-n', '2'])).toContain('failed traces  latest of 5\n');
    expect(await answer(['summary', EXAMPLE])).toContain('failed traces\n');
  });

  test('without an error says so, and has no list of failed traces', async () => {
    const text = await answer(['summary', shopFile(draw('a | 0-1 | web | GET / | server'))]);
    expect(text).toMatch(/^1 span · 1 trace · 1 service · no errors\n/);
    expect(text).not.toContain('failed');
    expect(text).not.toContain('incomplete');
  });

  test('of many services lists twenty and says how many there are', async () => {
    const traces = Array.from({ length: 23 }, (_, index) =>
      draw(`a | 0-${index + 1} | service-${index} | GET / | server`, { traceId: `${index + 1}` }),
    );
    const text = await answer(['summary', dumpFile(...traces)]);
    expect(text).toContain('services  20 of 23\n');
    expect(linesOf(text).filter(line => line.startsWith('service-'))).toHaveLength(20);
  });

  test('of a service without requests shows its spans, and no rate or duration', async () => {
    const file = dumpFile(
      draw(`
        a | 0-10 | web | GET / | server
          b | 2-8 | cache | get |
      `),
    );
    const row = linesOf(await answer(['summary', file])).find(line => line.startsWith('cache'));
    expect(row?.replace(/ +/g, ' ')).toBe('cache 1 · · · · · · 6ms');
  });

  describe('what to type next', () => {
    const steps = async (...args: string[]) =>
      linesOf(await answer(['summary', ...args], { isTty: true, width: 200 }))
        .filter(line => line.startsWith('tailspan '))
        .map(line => line.replace(/ {2,}/g, ' # '));

    test('is said on a terminal, with the source as a shell needs it', async () => {
      expect(await steps(EXAMPLE)).toEqual([
        `tailspan show 096f9213edf6 ${EXAMPLE} # the slowest trace as a waterfall`,
        `tailspan errors ${EXAMPLE} # where errors begin`,
        `tailspan critical-path ${EXAMPLE} # what the time goes into`,
      ]);
      expect(await answer(['summary', EXAMPLE])).not.toContain('tailspan show');
    });

    test('has no way to errors where there are none', async () => {
      expect((await steps(shopFile(draw('a | 0-1 | web | GET / |')))).join()).not.toContain('errors');
    });

    test('names a 64-bit trace by digits that are not all zeros', async () => {
      const file = shopFile(draw('a | 0-1 | web | GET / |', { traceId: '9bd2966398ac5f3d' }));
      const [first = ''] = await steps(file);
      expect(first).toMatch(/^tailspan show 9bd2966398ac /);
      const [, , id = ''] = first.split(' ');
      expect(await answer(['show', id, file])).toContain('00000000000000009bd2966398ac5f3d');
    });
  });
});
