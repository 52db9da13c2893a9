import { describe, expect, test } from 'vitest';
import { buildTrace } from '../../src/model/trace.ts';
import type { TraceSummary } from '../../src/store/find-traces.ts';
import type { SearchOutcome, TraceFeed } from '../../src/tui/feed.ts';
import { LiveStore } from '../../src/tui/live-store.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { TestScreen } from '../support/terminal.ts';
import { feedOf, ORDER, ORDER_ID, shopFeed } from './traces.ts';

// The program on a terminal: what Ink makes of it, and how it comes and goes.

function summary(number: number): TraceSummary {
  return {
    traceId: number.toString(16).padStart(32, '0'),
    rootServiceName: 'shop',
    rootSpanName: `GET /${number}`,
    firstServiceName: 'shop',
    firstSpanName: `GET /${number}`,
    startTimeUnixNano: DRAWING_START + BigInt(number) * 1_000_000n,
    durationNano: BigInt(number % 1000) * 1_000_000n,
    spanCount: ORDER.length,
    errorCount: 0,
    services: ['shop'],
    complete: true,
  };
}

/** Traces that arrive when a test says so. */
class LiveFeed implements TraceFeed {
  readonly title = 'tail · otlp 127.0.0.1:4317';
  readonly isLive = true;
  readonly store = new LiveStore();
  #count = 0;

  arrive(count: number): void {
    const traces = Array.from({ length: count }, (_, index) => summary(this.#count + index));
    this.#count += count;
    const spans = this.#count * ORDER.length;
    this.store.add(traces, { traces: this.#count, spans, failed: 0, spansPerSecond: 312, dropped: 0 });
  }

  snapshot() {
    return this.store.snapshot();
  }

  subscribe(listener: () => void) {
    return this.store.subscribe(listener);
  }

  async loadTrace() {
    return buildTrace(ORDER);
  }

  async search(): Promise<SearchOutcome> {
    return { kind: 'found', traces: [summary(0)], total: 1 };
  }

  commandLines() {
    return [];
  }
}

/** The different control sequences in what was written, without their Escape. */
function sequencesIn(text: string): string[] {
  const pieces = text.split('\u001b').slice(1);
  return [...new Set(pieces.map(piece => /^(?:\[[^@-~]*[@-~]|[^[])/.exec(piece)?.[0] ?? piece))];
}

describe('keys', () => {
  test('that are held come in one read', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    await screen.send('jjj');
    expect(screen.text()).toContain('4 of 26');
  });

  test('that a program types come in one read, with Enter among them', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    await screen.send('/status = error\r');
    await screen.until('1 of 5');
    expect(screen.text()).toContain('/status = error');
  });

  test('that are pasted go into the text that is typed', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    await screen.press('/');
    await screen.send('\u001b[200~status = error\u001b[201~');
    await screen.until('✖ 3');
    expect(screen.lines()[22]).toBe('/status = error');
  });

  test('arrows, pages and ends move', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    await screen.press('down', 'pagedown');
    expect(screen.text()).toContain('22 of 26');
    await screen.press('home', 'end', 'up');
    expect(screen.text()).toContain('25 of 26');
  });

  test('a letter that is typed is where the cursor stands', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    await screen.press('/', 'a', 'b', 'left');
    expect(screen.cursor()).toEqual({ x: 2, y: 22 });
  });
});

describe('the screen', () => {
  test('is one of its own, and what was there before comes back', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    expect([screen.isAlternate(), screen.isRaw()]).toEqual([true, true]);
    await screen.press('q');
    expect(await screen.left).toEqual({ exitCode: 0, handedOff: [] });
    expect([screen.isAlternate(), screen.isRaw()]).toEqual([false, false]);
  });

  test('goes by Ctrl-C with its exit code, even while a query runs', async () => {
    const feed = await shopFeed();
    const screen = new TestScreen(
      Object.assign(Object.create(feed), { search: () => new Promise(() => {}), snapshot: () => feed.snapshot() }),
    );
    await screen.until('1 of 26');
    await screen.press('/', 'a', 'enter', 'ctrl-c');
    expect((await screen.left).exitCode).toBe(130);
    expect(screen.isAlternate()).toBe(false);
  });

  test('goes by a signal', async () => {
    const abort = new AbortController();
    const screen = new TestScreen(await shopFeed(), { signal: abort.signal });
    await screen.until('1 of 26');
    abort.abort();
    await screen.left;
    expect(screen.isAlternate()).toBe(false);
  });

  test('is left as it was when something fails, which is then told', async () => {
    const feed = new LiveFeed();
    feed.arrive(3);
    feed.loadTrace = () => Promise.reject(new Error('a bug'));
    const screen = new TestScreen(feed);
    await screen.until('following');
    const failure = screen.left.catch(error => String(error));
    await screen.press('enter');
    expect(await failure).toBe('Error: a bug');
    expect([screen.isAlternate(), screen.isRaw()]).toEqual([false, false]);
  });

  test('has the row that is selected inverse, and errors red', async () => {
    const screen = new TestScreen(await shopFeed(), { colour: 2 });
    await screen.until('1 of 26');
    expect(screen.styleAt(10, 2)).toMatchObject({ isInverse: true });
    expect(screen.styleAt(10, 3)).toMatchObject({ isInverse: false, isDim: true });
    const row = screen.lines().findIndex((line, index) => index > 2 && line.includes('✖'));
    const column = [...(screen.lines()[row] ?? '')].indexOf('✖');
    expect(screen.styleAt(column, row)).toMatchObject({ colour: 1 });
  });

  test('has no colour where none is wanted', async () => {
    const screen = new TestScreen(await shopFeed(), { colour: 0, traceId: ORDER_ID });
    await screen.until('self');
    await screen.press('e', 'enter', 'tab');
    expect(sequencesIn(screen.written()).filter(sequence => sequence.endsWith('m'))).toEqual([]);
  });

  test('takes another size, and says when it is too small', async () => {
    const screen = new TestScreen(await shopFeed(), { traceId: ORDER_ID });
    await screen.until('self');
    await screen.press('e', 'e', 'enter');
    await screen.resize(140, 40);
    expect(screen.lines()[1]).toMatch(/self │ ── span/);
    expect(screen.lines()[39]).toContain('q quit');
    await screen.resize(50, 10);
    expect(screen.text()).toMatch(/^the screen is 50 by 10; 60 by 12 is the least\. q\s+quits/);
    await screen.resize(80, 24);
    expect(screen.lines()[0]).toContain('traces → shop POST /orders');
    expect(screen.selectedLine()).toContain('bank POST /charges');
    expect(screen.lines()[23]).toContain('q quit');
  });

  test('stops with Ctrl-Z, and is there again behind it', async () => {
    const screen = new TestScreen(await shopFeed());
    await screen.until('1 of 26');
    // Held, it is read twice at once.
    await screen.send('\u001a\u001a');
    expect(screen.suspensions).toBe(1);
    await screen.press('j');
    await screen.until('2 of 26');
    expect([screen.isAlternate(), screen.isRaw()]).toEqual([true, true]);
  });

  test('puts an id on the clipboard, and says so', async () => {
    const screen = new TestScreen(await shopFeed(), { traceId: ORDER_ID });
    await screen.until('self');
    await screen.press('j', 'y');
    expect(screen.copied).toEqual(['0000000000000062']);
    expect(screen.text()).toContain('copied the span id 0000000000000062');
  });

  test('gives the command lines that were asked for on leaving', async () => {
    const screen = new TestScreen(await shopFeed(), { traceId: ORDER_ID });
    await screen.until('self');
    await screen.press('o', 'escape', 'q');
    const { handedOff } = await screen.left;
    expect(handedOff[0]).toBe(`tailspan show ${ORDER_ID} shop.jsonl --span 0000000000000061`);
  });

  test('is words where it is read aloud', async () => {
    const screen = new TestScreen(await shopFeed(), { isReadAloud: true, traceId: ORDER_ID, rows: 40 });
    await screen.until('selected: level 0');
    expect(screen.isAlternate()).toBe(false);
    expect(screen.text()).toContain('selected: level 0: ✖ shop POST /orders, 400ms, self 40ms, on the critical path');
    expect(screen.text()).not.toMatch(/[█░]/);
  });

  test('is not driven by what is in traces', async () => {
    const hostile = draw(
      `
      a | 0-100 | sh\u001b]0;owned\u0007op | GET \u001b[2J\u009b31m/x\u202e | server, key\u001b[5n=va\u001b[6nlue, event: ev\u001bc @ 5
        b | 10-40 | db | x\u0007 | error: bad \u001b[8;1;1t
      `,
      { traceId: 'e'.repeat(32) },
    );
    const screen = new TestScreen(await feedOf([hostile]));
    await screen.until('\\x1b]0;owned');
    await screen.press('enter');
    await screen.until('self');
    await screen.press('j', 'enter', 'tab', 'k', 'tab', 'G', 'o');
    // What Ink says itself: colours, the cursor, lines, its screen, paste, and one picture at a time.
    const known = /^\[(?:[\d;]*[mABCDEFGHJK]|\?(?:25|1049|2004|2026)[hl])$/;
    expect(sequencesIn(screen.written()).filter(sequence => !known.test(sequence))).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    expect(screen.written()).not.toMatch(/[\u0007\u0080-\u009f\u202e]/);
  });
});

describe('traces that arrive', () => {
  test('are followed, and counted', async () => {
    const feed = new LiveFeed();
    feed.arrive(5);
    const screen = new TestScreen(feed);
    await screen.until('following');
    feed.arrive(40);
    await screen.until('45 of 45');
    expect(screen.selectedLine()).toContain('GET /44');
    expect(screen.lines()[0]).toContain('45 traces 630 spans · 312/s');
    expect(screen.lines()[0]).toContain('dropped 0');
  });

  test('do not move what is read', async () => {
    const feed = new LiveFeed();
    feed.arrive(100);
    const screen = new TestScreen(feed);
    await screen.until('following');
    await screen.press('k', 'k', 'k', 'k', 'k');
    // A bar is drawn beside the longest one, which may come later.
    const rows = () =>
      screen
        .lines()
        .slice(1, 22)
        .map(line => line.slice(0, 58));
    const before = rows();
    feed.arrive(1000);
    await screen.until('1,100 traces');
    expect(rows()).toEqual(before);
    expect(screen.text()).toContain('95 of 1,100');
  });

  test('wait while it is paused', async () => {
    const feed = new LiveFeed();
    feed.arrive(5);
    const screen = new TestScreen(feed);
    await screen.until('following');
    await screen.press(' ');
    feed.arrive(7);
    await screen.until('paused, +7');
    await screen.press(' ');
    await screen.until('12 of 12');
  });

  test('cost nothing while none does: nothing is drawn', async () => {
    const feed = new LiveFeed();
    feed.arrive(100);
    let renders = 0;
    const screen = new TestScreen(feed, { onRender: () => renders++ });
    await screen.until('following');
    await screen.idle();
    renders = 0;
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(renders).toBe(0);
  });

  test('two hundred times a second are drawn ten times a second at most', async () => {
    const feed = new LiveFeed();
    feed.arrive(10_000);
    let renders = 0;
    const screen = new TestScreen(feed, { onRender: () => renders++, rows: 40, columns: 120 });
    await screen.until('following');
    renders = 0;
    const from = performance.now();
    while (performance.now() - from < 2000) {
      feed.arrive(3);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    await screen.idle();
    expect(renders).toBeGreaterThan(5);
    expect(renders).toBeLessThanOrEqual(24);
  });

  test('move by a key write little more than two rows', async () => {
    const screen = new TestScreen(await shopFeed(), { colour: 2, columns: 120, rows: 40 });
    await screen.until('1 of 26');
    const before = screen.written().length;
    await screen.press('j');
    expect(screen.written().length - before).toBeLessThan(900);
  });
});

describe('the newest traces', () => {
  test('are kept, the oldest go; one that has grown stays where it is', () => {
    const store = new LiveStore(3);
    const counts = { traces: 4, spans: 4, failed: 0 };
    store.add([0, 1, 2, 3].map(summary), counts);
    store.add([{ ...summary(2), spanCount: 99 }], counts);
    const { traces, version } = store.snapshot();
    expect(traces.map(({ traceId, spanCount }) => [Number(traceId), spanCount])).toEqual([
      [1, ORDER.length],
      [2, 99],
      [3, ORDER.length],
    ]);
    expect(version).toBe(2);
    expect(store.snapshot()).toBe(store.snapshot());
  });

  test('are told of at once, and then at most ten times a second', async () => {
    const store = new LiveStore();
    let told = 0;
    const end = store.subscribe(() => told++);
    for (let at = 0; at < 50; at++) store.add([summary(at)], { traces: at + 1, spans: at, failed: 0 });
    expect(told).toBe(1);
    await new Promise(resolve => setTimeout(resolve, 250));
    expect(told).toBe(2);
    end();
    store.add([summary(50)], { traces: 51, spans: 50, failed: 0 });
    expect(told).toBe(2);
  });
});
