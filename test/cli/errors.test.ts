import { describe, expect, test } from 'vitest';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, PAYMENT_ID, refusal, shopFile } from './shop.ts';

interface Group {
  readonly id: string;
  readonly serviceName: string;
  readonly errorType: string;
  readonly [field: string]: unknown;
}
interface Answered {
  readonly groups: readonly Group[];
}

describe('errors', () => {
  test('groups failures by where they began, with the way from the entry point', async () => {
    const { groups } = await answerJson<Answered>(['errors', shopFile()]);
    expect(groups).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}$/),
        serviceName: 'bank',
        name: 'POST /pay',
        errorType: 'CardDeclined',
        message: 'card declined',
        spanCount: 1,
        traceCount: 1,
        share: 1,
        firstSeenUnixNano: '1795165260010000000',
        lastSeenUnixNano: '1795165260010000000',
        path: [
          { serviceName: 'web', name: 'POST /pay', failed: true },
          { serviceName: 'web', name: 'POST', failed: true },
          { serviceName: 'bank', name: 'POST /pay', failed: true },
        ],
        pathCount: 1,
        entryPoints: [{ serviceName: 'web', name: 'POST /pay', traceCount: 1 }],
        swallowedCount: 0,
        exemplarTraceIds: [PAYMENT_ID],
      },
    ]);
  });

  test('of data without errors says so', async () => {
    const file = shopFile(draw('a | 0-1 | web | GET / | server'));
    expect(await tailspan(['errors', file])).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: expect.stringMatching(/\nno errors\n$/),
    });
    expect((await tailspan(['errors', file, '-e'])).exitCode).toBe(1);
  });

  const drawn = () =>
    dumpFile(
      ...[
        { at: 0n, trace: '1', type: 'Timeout' },
        { at: 10n, trace: '2', type: 'Timeout' },
        { at: 5n, trace: '3', type: 'Refused' },
      ].map(({ at, trace, type }) =>
        draw(`a | 0-1 | ${type === 'Timeout' ? 'web' : 'api'} | GET / | server, error, error.type=${type}`, {
          traceId: trace,
          start: DRAWING_START + at * 1_000_000_000n,
        }),
      ),
    );

  test.each([
    ['traces', 'Timeout Refused'],
    ['traces:asc', 'Refused Timeout'],
    ['spans', 'Timeout Refused'],
    ['first', 'Refused Timeout'],
    ['last', 'Timeout Refused'],
    ['last:asc', 'Refused Timeout'],
    ['service', 'Refused Timeout'],
    ['service:desc', 'Timeout Refused'],
  ])('--sort %s', async (order, expected) => {
    const { groups } = await answerJson<Answered>(['errors', drawn(), '--sort', order]);
    expect(groups.map(({ errorType }) => errorType).join(' ')).toBe(expected);
  });

  test('--limit cuts the list and says so', async () => {
    const { stdout, stderr } = await tailspan(['errors', drawn(), '-n', '1']);
    expect(linesOf(stdout)).toHaveLength(1);
    expect(stderr).toContain('1 more (--limit 0 shows all)\n');
  });
});

describe('errors GROUP', () => {
  test('shows one group in full, by its id or the beginning of it, before or behind the source', async () => {
    const { groups } = await answerJson<Answered>(['errors', EXAMPLE]);
    const id = groups[0]?.id ?? '';
    const args = [
      ['errors', id, EXAMPLE],
      ['errors', EXAMPLE, id],
      ['errors', id.slice(0, 4).toUpperCase(), EXAMPLE],
    ];
    for (const asked of args) {
      const answered = await answerJson<Answered>(asked);
      expect(answered.groups).toMatchObject([{ id, exemplar: { traceId: '502d098018dd970fe12d5423892b79d8' } }]);
    }
    const text = await answer(['errors', id, EXAMPLE]);
    for (const title of ['over time', 'from the entry point', 'traces, latest first', 'stack trace of the latest'])
      expect(text).toContain(`\n${title}`);
    expect(text).toContain('    at Charge.run (/app/payment/charge.js:88:11)\n');
    expect(text).toContain('swallowed 3 times: a caller that waited did not fail\n');
  });

  test('of an id that is none lists the groups', async () => {
    const { error, hint } = await refusal(['errors', 'ffff0000', EXAMPLE]);
    expect(error).toBe('there is no group ffff0000');
    expect(hint).toMatch(
      /^tailspan errors lists them:\n +[0-9a-f]{8} {2}payment POST \/charges\n +[0-9a-f]{8} {2}payment POST$/,
    );
    expect((await refusal(['errors', 'ffff0000', shopFile(draw('a | 0-1 | web | x |'))])).hint).toBe(
      'the data has no errors',
    );
  });

  test('of one occurrence has no timeline', async () => {
    const file = shopFile();
    const { groups } = await answerJson<Answered>(['errors', file]);
    expect(await answer(['errors', groups[0]?.id ?? '', file])).not.toContain('over time');
  });
});
