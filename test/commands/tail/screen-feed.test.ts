import { expect, test, vi } from 'vitest';
import type { CommandContext } from '../../../src/commands/command.ts';
import type { CommitFeed } from '../../../src/commands/tail/feed.ts';
import { HeldContext } from '../../../src/commands/tail/on-screen.ts';
import { ScreenFeed } from '../../../src/commands/tail/screen-feed.ts';
import type { ShownTrace } from '../../../src/commands/tail/trace-watch.ts';
import type { TraceSummary } from '../../../src/store/find-traces.ts';
import { createScreen } from '../../../src/terminal/screen.ts';
import { PAYMENT, PAYMENT_ID } from '../../cli/shop.ts';
import { storeOf } from '../../support/load.ts';
import { TEST_NOW } from '../../support/run.ts';

const sink = { write: async () => {}, isTTY: false };

function contextOf(said: string[] = []): CommandContext {
  let hasComplained = false;
  return {
    screen: createScreen(
      {},
      { env: { LANG: 'C.UTF-8' }, platform: 'linux', stdout: sink, stderr: sink, now: () => TEST_NOW },
    ),
    env: {},
    args: [],
    commandLine: undefined,
    get: () => undefined,
    say: async sentence => void said.push(sentence),
    complain: async message => {
      hasComplained = true;
      said.push(message);
    },
    get hasComplained() {
      return hasComplained;
    },
    hasPipedInput: false,
    readInput: async () => '',
    openTerminal: async () => undefined,
    signal: new AbortController().signal,
    onFailure: () => {},
    prepare: () => Promise.reject(new Error('no command is run')),
  };
}

async function feedOf(): Promise<CommitFeed> {
  const { database } = await storeOf(PAYMENT);
  const none = async () => {};
  return {
    title: 'app\u001b.log',
    sameData: ' --db x.duckdb',
    isForgetting: false,
    hasWaited: true,
    isEnded: false,
    poll: none,
    read: work => work(database),
    ask: question => question(database),
    wait: none,
    finish: none,
    tell: none,
    close: none,
  };
}

const shown = (traceId: string, spanCount: number, errorCount = 0, grownBy?: number): ShownTrace => ({
  trace: { traceId, spanCount, errorCount } as TraceSummary,
  json: {},
  grownBy,
});
const pageOf = (...traces: ShownTrace[]) => ({ traces, spans: [], isReached: false });

test('the screen counts what came: a trace once, a failed one when it fails, the rate of the last seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const feed = new ScreenFeed(await feedOf(), contextOf());
  expect(feed.title).toBe('tail · app\\x1b.log');
  await feed.print(pageOf(shown('a', 3), shown('b', 2, 1)));
  await feed.print(pageOf(shown('a', 5, 1, 2)));
  expect(feed.snapshot().counts).toEqual({ traces: 2, spans: 7, failed: 2, spansPerSecond: 1.4 });
  expect(feed.snapshot().traces.map(({ traceId, spanCount }) => [traceId, spanCount])).toEqual([
    ['a', 5],
    ['b', 2],
  ]);
  // Nothing comes any more: the rate falls to nought, and then nothing changes.
  await vi.advanceTimersByTimeAsync(7000);
  const { version, counts } = feed.snapshot();
  expect(counts).toEqual({ traces: 2, spans: 7, failed: 2, spansPerSecond: 0 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(feed.snapshot().version).toBe(version);
  vi.useRealTimers();
});

test('the screen asks where traces are stored', async () => {
  const feed = new ScreenFeed(await feedOf(), contextOf());
  expect((await feed.loadTrace(PAYMENT_ID))?.nodes).toHaveLength(3);
  expect(await feed.loadTrace('f'.repeat(32))).toBeUndefined();
  const order = { field: 'arrival', ascending: true } as const;
  expect(await feed.search({ query: 'status = error', order })).toMatchObject({ kind: 'found', total: 1 });
  expect(await feed.search({ query: 'status = ', order })).toMatchObject({ kind: 'fault' });
  expect(feed.commandLines({ query: '', traceId: PAYMENT_ID, spanId: undefined })[0]).toBe(
    `tailspan show ${PAYMENT_ID} --db x.duckdb`,
  );
});

test('sentences wait while the screen is open', async () => {
  const said: string[] = [];
  const held = new HeldContext(contextOf(said));
  await held.context.say('before');
  held.hold();
  await held.context.say('meanwhile');
  await held.context.complain('failed');
  expect([said, held.context.hasComplained]).toEqual([['before'], false]);
  await held.release();
  await held.context.say('behind');
  expect([said, held.context.hasComplained]).toEqual([['before', 'meanwhile', 'failed', 'behind'], true]);
});
