import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildTrace } from '../../src/model/trace.ts';
import type { TraceSummary } from '../../src/store/find-traces.ts';
import { lineWidth } from '../../src/terminal/styled.ts';
import type { FeedSnapshot, SearchOutcome } from '../../src/tui/feed.ts';
import { frameOf } from '../../src/tui/frame.ts';
import { KEYMAP } from '../../src/tui/keymap.ts';
import { selectedIndex } from '../../src/tui/list-state.ts';
import { type Effect, type Event, reduce, type Setting, type State, type Step, start } from '../../src/tui/state.ts';
import { selectedNode } from '../../src/tui/trace-state.ts';
import { draw, drawnIdOf } from '../support/drawn-trace.ts';
import { ORDER, PARTS } from './traces.ts';

// The reducer, without a terminal or a database: what follows from what.

function summary(number: number, changes: Partial<TraceSummary> = {}): TraceSummary {
  return {
    traceId: String(number).padStart(32, '0'),
    rootServiceName: 'shop',
    rootSpanName: `GET /${number}`,
    firstServiceName: 'shop',
    firstSpanName: `GET /${number}`,
    startTimeUnixNano: 1_795_165_200_000_000_000n + BigInt(number) * 1_000_000_000n,
    durationNano: BigInt((number * 37) % 100) * 1_000_000n,
    spanCount: 1 + (number % 5),
    errorCount: number % 10 === 0 ? 1 : 0,
    services: ['shop'],
    complete: true,
    ...changes,
  };
}

function snapshot(numbers: readonly number[], all = numbers.length): FeedSnapshot {
  const traces = numbers.map(number => summary(number));
  return { version: numbers.length, traces, counts: { traces: all, spans: all * 3, failed: 1 } };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

function setting(changes: Partial<Setting> = {}): Setting {
  return {
    title: 'tail · otlp',
    unicode: true,
    utc: true,
    isReadAloud: false,
    isLive: false,
    commandLines: ({ traceId }) => [`tailspan show ${traceId}`],
    ...changes,
  };
}

/** A screen that is only state: what it asks for is collected. */
class Model {
  state: State;
  readonly setting: Setting;
  readonly effects: Effect[] = [];

  constructor(feed: FeedSnapshot, changes: Partial<Setting> = {}, query = '') {
    this.setting = setting(changes);
    const { isLive } = this.setting;
    const order = isLive
      ? ({ field: 'arrival', ascending: true } as const)
      : ({ field: 'start', ascending: false } as const);
    this.state = this.#take(
      start({ size: { columns: 80, rows: 24 }, feed, query, order, traceId: undefined }, this.setting),
    );
  }

  on(event: Event): this {
    this.state = this.#take(reduce(this.state, event, this.setting));
    return this;
  }

  press(...keys: readonly string[]): this {
    for (const key of keys) this.on({ kind: 'key', key });
    return this;
  }

  /** Answers the last search. */
  answer(outcome: SearchOutcome): this {
    const asked = this.effects.findLast(effect => effect.kind === 'search');
    if (asked === undefined) throw new Error('nothing was searched for');
    return this.on({ kind: 'answer', request: asked.request, outcome });
  }

  /** Opens a trace as if it were the one that is selected. */
  open(spans: Parameters<typeof buildTrace>[0]): this {
    this.press('enter');
    const traceId = this.state.loading ?? '';
    return this.on({ kind: 'loaded', traceId, trace: buildTrace(spans) });
  }

  get selectedNumber(): number {
    return Number(this.state.list.selected);
  }

  /** The drawn id of the span that is selected. */
  get selectedSpan(): string {
    const node = this.state.trace === undefined ? undefined : selectedNode(this.state.trace);
    return node === undefined ? '' : drawnIdOf(node.span.spanId);
  }

  /** The row of the list that the selection is on, from the top of the screen. */
  get rowOnScreen(): number {
    return selectedIndex(this.state.list) - this.state.list.top;
  }

  #take({ state, effects }: Step): State {
    this.effects.push(...effects);
    return state;
  }
}

describe('the list', () => {
  test('begins with the newest trace', () => {
    expect(new Model(snapshot(range(0, 100))).selectedNumber).toBe(99);
  });

  test('keeps the trace that is read where it is when others arrive', () => {
    const model = new Model(snapshot(range(0, 100)), { isLive: true }).press('k', 'k', 'k');
    const { selectedNumber, rowOnScreen } = model;
    model.on({ kind: 'feed', snapshot: snapshot(range(0, 150)) });
    expect([model.selectedNumber, model.rowOnScreen]).toEqual([selectedNumber, rowOnScreen]);
    // The oldest ones go.
    model.on({ kind: 'feed', snapshot: snapshot(range(60, 160), 160) });
    expect([model.selectedNumber, model.rowOnScreen]).toEqual([selectedNumber, rowOnScreen]);
  });

  test('selects what stands in the place of a trace that has gone', () => {
    const model = new Model(snapshot(range(0, 100)), { isLive: true }).press('g');
    model.on({ kind: 'feed', snapshot: snapshot(range(50, 150), 150) });
    expect(model.selectedNumber).toBe(50);
  });

  test('follows what arrives until one moves away, and again from the end', () => {
    const model = new Model(snapshot(range(0, 10)), { isLive: true });
    expect(model.on({ kind: 'feed', snapshot: snapshot(range(0, 11)) }).selectedNumber).toBe(10);
    expect(model.press('k').on({ kind: 'feed', snapshot: snapshot(range(0, 12)) }).selectedNumber).toBe(9);
    expect(model.press('G').on({ kind: 'feed', snapshot: snapshot(range(0, 13)) }).selectedNumber).toBe(12);
  });

  test('counts what waits while it is paused', () => {
    const model = new Model(snapshot(range(0, 10)), { isLive: true }).press(' ');
    model.on({ kind: 'feed', snapshot: snapshot(range(0, 17)) });
    expect(model.state.list.traces).toHaveLength(10);
    expect(frameText(model.state, model.setting)).toContain('paused, +7');
    expect(model.press(' ').selectedNumber).toBe(16);
  });

  test('says why it cannot be paused where nothing arrives', () => {
    expect(new Model(snapshot(range(0, 3))).press(' ').state.note).toContain('nothing arrives here');
  });

  test('is sorted by each column in turn, and backwards', () => {
    const model = new Model(snapshot(range(0, 100)));
    const values = () => model.state.list.traces.map(({ durationNano }) => durationNano);
    const sorted = values().toSorted((a, b) => Number(b - a));
    expect(model.press('s') && values()).toEqual(sorted);
    expect(selectedIndex(model.state.list)).toBe(0);
    expect(model.press('S') && values()).toEqual(sorted.toReversed());
    expect(model.effects).toEqual([]);
    expect(model.press('s', 's', 's').state.list.order).toEqual({ field: 'start', ascending: false });
  });

  test('of which not all is listed is sorted by who has all', () => {
    const model = new Model(snapshot(range(900, 1000), 1000));
    expect([model.state.list.total, model.effects]).toEqual([1000, []]);
    model.press('s');
    expect(model.effects.at(-1)).toMatchObject({
      kind: 'search',
      request: { query: '', order: { field: 'duration' } },
    });
  });

  test('goes to the next trace with errors, round the end', () => {
    const model = new Model(snapshot(range(0, 25)));
    expect(model.press('e').selectedNumber).toBe(20);
    expect(model.press('e', 'e').selectedNumber).toBe(0);
    expect(model.press('e').selectedNumber).toBe(20);
    expect(model.press('E').selectedNumber).toBe(0);
  });

  test('finds a text without hiding anything', () => {
    const model = new Model(snapshot(range(0, 25))).press('\\', ...'get /1', 'enter');
    expect(model.selectedNumber).toBe(19);
    expect(model.press('n').selectedNumber).toBe(18);
    expect(model.press('N', 'N').selectedNumber).toBe(1);
    expect(model.state.list.traces).toHaveLength(25);
    expect(model.press('\\', 'ctrl-u', ...'nowhere', 'enter').state.note).toContain("no row has 'nowhere'");
  });
});

describe('a filter', () => {
  const three: SearchOutcome = { kind: 'found', traces: [5, 3, 1].map(number => summary(number)), total: 3 };

  test('is asked for when one pauses to type; what is seen stays until the answer is there', () => {
    const model = new Model(snapshot(range(0, 25))).press('/', ...'status = error');
    expect(model.effects.at(-1)).toMatchObject({ request: { query: 'status = error' }, delayMs: 150 });
    expect(model.state.list.traces).toHaveLength(25);
    expect(model.answer(three).state.list.traces.map(({ traceId }) => Number(traceId))).toEqual([5, 3, 1]);
  });

  test('that is answered late is no news', () => {
    const model = new Model(snapshot(range(0, 25))).press('/', 'a');
    const asked = model.effects.at(-1);
    model.press('b');
    if (asked?.kind !== 'search') throw new Error('nothing was searched for');
    model.on({ kind: 'answer', request: asked.request, outcome: three });
    expect(model.state.list.traces).toHaveLength(25);
  });

  test('that is wrong stays in the field, with what is wrong; the list stays too', () => {
    const model = new Model(snapshot(range(0, 25)))
      .press('/', ...'status = error')
      .answer(three)
      .press('x');
    model.answer({ kind: 'fault', fault: { from: 9, to: 15, message: 'what is errorx?' } }).press('enter');
    const text = frameText(model.state, model.setting);
    expect(text).toContain('/status = errorx');
    expect(text).toContain(`${' '.repeat(10)}^^^^^^ what is errorx?`);
    expect(model.state.list.traces).toHaveLength(3);
    expect(model.press('backspace').state.list.fault).toBeUndefined();
  });

  test('is kept by Enter, restored by Escape, cleared by Escape in the list', () => {
    const model = new Model(snapshot(range(0, 25)))
      .press('/', ...'a')
      .answer(three)
      .press('enter');
    expect(model.state.field).toBeUndefined();
    model.press('/', 'b', 'escape');
    expect(model.state.list.query).toBe('a');
    expect(model.press('escape').state.list.query).toBe('');
    expect(model.state.list.traces).toHaveLength(25);
    expect(model.press('escape').state.view).toBe('traces');
  });

  test('looks at what arrives, in its order', () => {
    const model = new Model(snapshot(range(0, 4)), { isLive: true }, '{ a }').answer(three);
    expect(model.state.list.traces.map(({ traceId }) => Number(traceId))).toEqual([1, 3]);
    model.on({ kind: 'feed', snapshot: snapshot(range(0, 6)) });
    expect(model.effects.filter(({ kind }) => kind === 'search')).toHaveLength(2);
    expect(model.answer(three).selectedNumber).toBe(5);
  });
});

describe('a trace', () => {
  const opened = (spans = ORDER) => new Model(snapshot(range(0, 3))).open(spans);

  test('is read when it is opened; until then the keys go to the list', () => {
    const model = new Model(snapshot(range(0, 3))).press('enter');
    expect(model.effects).toEqual([{ kind: 'load', traceId: summary(2).traceId }]);
    expect(model.press('j').selectedNumber).toBe(1);
    expect(model.state.view).toBe('traces');
  });

  test('that has gone is said to have', () => {
    const model = new Model(snapshot(range(0, 3))).press('enter');
    model.on({ kind: 'loaded', traceId: summary(2).traceId, trace: undefined });
    expect(model.state).toMatchObject({ view: 'traces', note: 'that trace is not there any more' });
  });

  test('comes back with its selection and its folding, and so does the list', () => {
    const model = new Model(snapshot(range(0, 30)))
      .press('j', 'j')
      .open(ORDER)
      .press('j', 'j', 'enter', 'escape', 'escape');
    expect(model.state.view).toBe('traces');
    expect(model.selectedNumber).toBe(27);
  });

  test('folds what is below a span, goes to its parent, and back', () => {
    const model = opened().press('j', 'j');
    expect(model.selectedSpan).toBe('c');
    const count = model.state.trace?.view.rows.length ?? 0;
    model.press('h');
    expect(model.state.trace?.view.rows).toHaveLength(count - 1);
    expect(model.press('h').selectedSpan).toBe('b');
    expect(model.press('enter').state.view).toBe('span');
    expect(model.press('escape', 'h', 'h').selectedSpan).toBe('a');
    model.press('h');
    expect(model.state.trace?.view.rows).toHaveLength(1);
    expect(model.press('h').state.view).toBe('traces');
  });

  test('unfolds by Enter what is folded; Escape folds a run again', () => {
    const model = opened().press(...'jjjjj');
    const rows = () => model.state.trace?.view.rows.length;
    expect(rows()).toBe(11);
    expect(model.press('enter') && rows()).toBe(14);
    expect(model.press('j').selectedSpan).toBe('g');
    expect(model.press('escape') && rows()).toBe(11);
    expect(model.selectedSpan).toBe('f');
    expect(model.press('escape').state.view).toBe('traces');
  });

  test('shows the critical path alone, with what is above it, and all again', () => {
    const model = opened().press('G', 'c');
    expect(model.state.trace?.view.rows).toHaveLength(9);
    expect(model.press('c').state.trace?.view.rows).toHaveLength(11);
  });

  test('goes to the next failed span wherever it is hidden', () => {
    const model = opened().press('h', 'e');
    expect(model.selectedSpan).toBe('k');
    expect(model.press('e').selectedSpan).toBe('l');
    expect(model.state.note).toBe('error 3 of 3');
    expect(model.press('e').selectedSpan).toBe('a');
    expect(model.press('E').selectedSpan).toBe('l');
    expect(opened(PARTS).press('e').state.note).toBe('no span of this trace failed');
  });

  test('shows an error off the critical path though only the path was wanted', () => {
    const spans = draw(`
      a | 0-100 | web | GET | server
        b | 10-90 | db | SELECT |
        c | 20-40 | cache | GET | error
    `);
    const model = opened(spans).press('c', 'e');
    expect(model.selectedSpan).toBe('c');
    expect(model.state.note).toBe('error 1 of 1, off the critical path');
  });

  test('that has grown is read again and keeps what is selected and folded', () => {
    const half = ORDER.filter(({ spanId }) => !['m', 'n'].includes(drawnIdOf(spanId)));
    const model = new Model(snapshot(range(0, 3)), { isLive: true }).open(half).press(...'jh', 'j', 'j');
    const { selectedSpan } = model;
    const { traceId } = half[0] ?? { traceId: '' };
    const grown = [summary(2, { traceId, spanCount: ORDER.length })];
    model.on({ kind: 'feed', snapshot: { ...snapshot(range(0, 3)), version: 9, traces: grown } });
    expect(model.effects.at(-1)).toEqual({ kind: 'load', traceId });
    // It is read once, however much else arrives.
    model.on({ kind: 'feed', snapshot: { ...snapshot(range(0, 3)), version: 10, traces: grown } });
    expect(model.effects.filter(({ kind }) => kind === 'load')).toHaveLength(2);
    model.on({ kind: 'loaded', traceId, trace: buildTrace(ORDER) });
    expect(model.selectedSpan).toBe(selectedSpan);
    expect(model.state.trace?.view.folding.folded.size).toBe(1);
    expect(model.state.trace?.open.trace.nodes).toHaveLength(ORDER.length);
  });

  test('of a hundred thousand spans, one below the other, is moved through', () => {
    const spans = draw('a | 0-1000 | deep | root |', { unit: 1n });
    const [root] = spans;
    if (root === undefined) throw new Error('nothing was drawn');
    const idOf = (level: number) => (level + 1).toString(16).padStart(16, '0');
    const chain = range(0, 100_000).map(level => ({
      ...root,
      spanId: idOf(level),
      parentSpanId: level === 0 ? undefined : idOf(level - 1),
    }));
    const model = opened(chain).press('G', 'k', 'c', 'c');
    expect(model.state.trace?.selected).toBe(99_998);
    expect(frameText(model.state, model.setting)).toContain('row 99,999 of 100,000');
  });
});

describe('a span', () => {
  const opened = () => new Model(snapshot(range(0, 3))).open(ORDER).press(...'jjj', 'enter');

  test('has the keys until Tab gives them to the waterfall', () => {
    const model = opened().press('j');
    expect(model.state.span).toEqual({ top: 1, isFocused: true });
    expect(model.press('tab', 'j').selectedSpan).toBe('e');
    expect(model.state.span).toEqual({ top: 0, isFocused: false });
    expect(model.press('tab').state.span.isFocused).toBe(true);
  });

  test('scrolls to its last line and no further', () => {
    const { top } = opened().press('G').state.span;
    expect(top).toBeGreaterThan(0);
    expect(opened().press('G', 'j', 'pagedown').state.span.top).toBe(top);
    expect(opened().press('G', 'g').state.span.top).toBe(0);
  });

  test('covers a screen that is too low for both, and says so', () => {
    const model = opened().on({ kind: 'resize', size: { columns: 80, rows: 18 } });
    expect(frameText(model.state, model.setting)).not.toContain('POST /charges');
    expect(model.press('tab').state.note).toContain('too low for both');
  });

  test('is copied by its id', () => {
    const model = opened().press('y');
    expect(model.effects.at(-1)).toEqual({ kind: 'copy', text: selectedId(model.state) });
    expect(model.state.note).toContain('copied the span id');
  });
});

describe('from anywhere', () => {
  test.each<[string, readonly string[]]>([
    ['the list', []],
    ['a trace', ['open']],
    ['a filter', ['/', 'a']],
    ['help', ['?']],
  ])('Ctrl-C quits %s', (_, keys) => {
    const model = new Model(snapshot(range(0, 3)));
    if (keys[0] === 'open') model.open(ORDER);
    else model.press(...keys);
    expect(model.press('ctrl-c').effects.at(-1)).toEqual({ kind: 'quit', exitCode: 130 });
  });

  test('q quits, but is a letter in a text', () => {
    const model = new Model(snapshot(range(0, 3))).press('/', 'q');
    expect(model.effects.filter(({ kind }) => kind === 'quit')).toEqual([]);
    expect(model.press('escape', 'q').effects.at(-1)).toEqual({ kind: 'quit', exitCode: 0 });
  });

  test('help is filtered by a text, and closed by ? or Escape', () => {
    const model = new Model(snapshot(range(0, 3))).press('?', ...'clip');
    expect(frameText(model.state, model.setting)).toContain('no key does that');
    expect(model.press('escape', '?', '?').state.field).toBeUndefined();
    // It ends with its last line.
    expect(model.press('?', 'pagedown', 'pagedown', 'pagedown', 'up').state.field?.top).toBeLessThan(30);
    expect(frameText(model.state, model.setting)).toContain('fg returns');
  });

  test('the command lines for what is shown can be copied, and are kept', () => {
    const model = new Model(snapshot(range(0, 3))).press('o');
    const line = `tailspan show ${summary(2).traceId}`;
    expect(frameText(model.state, model.setting)).toContain(line);
    expect(model.press('y').effects.at(-1)).toEqual({ kind: 'copy', text: line });
    expect(model.state.handedOff).toEqual([line]);
  });

  test('what could not be done is said', () => {
    const model = new Model(snapshot(range(0, 3))).press('enter').on({ kind: 'refusal', message: 'the disk is gone' });
    expect(frameText(model.state, model.setting)).toContain('the disk is gone');
    expect(model.state.loading).toBeUndefined();
  });

  test('pasted text goes into the text that is typed, and nowhere else', () => {
    const model = new Model(snapshot(range(0, 3))).on({ kind: 'paste', text: 'q' });
    expect(model.effects).toEqual([]);
    model.press('/').on({ kind: 'paste', text: 'status =\nerror' });
    expect(model.state.list.query).toBe('status = error');
  });
});

describe('whatever is pressed', () => {
  const hostile = draw(`
    a | 0-100 | sh\u001b[31mop | GET\u0007\u202e\u009b2J/x | server
      b | 10-40 | 日本語サービス | SELECT 👩‍🚀 | error: bad\u001b]52;c;x\u0007
      c | 10-40 | s | x |
      d | 40-50 | s | x |
      e | 50-60 | s | x |
      f | 60-70 | s | x |
  `);
  const traces = [ORDER, PARTS, hostile];
  const keys = [...new Set(KEYMAP.flatMap(binding => binding.keys)), ...'ab{=}', 'backspace', 'enter', 'escape'].filter(
    key => key !== 'ctrl-z',
  );
  const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) });
  const events = fc.array(
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...keys).map(key => ({ kind: 'key', key }) as const) },
      { weight: 1, arbitrary: size.map(value => ({ kind: 'resize', size: value }) as const) },
      {
        weight: 1,
        arbitrary: fc.nat(60).map(count => ({ kind: 'feed', snapshot: snapshot(range(0, count)) }) as const),
      },
    ),
    { maxLength: 60 },
  );

  test('the screen is as many lines as it has rows, none wider than it, and nothing drives the terminal', () => {
    fc.assert(
      fc.property(events, fc.boolean(), fc.boolean(), fc.boolean(), (all, isLive, unicode, isReadAloud) => {
        const model = new Model(snapshot(range(0, 40)), { isLive, unicode, isReadAloud });
        let opened = 0;
        for (const event of all) {
          const before = model.effects.length;
          model.on(event);
          for (const effect of model.effects.slice(before)) {
            const spans = traces[opened % traces.length];
            if (effect.kind === 'load' && spans !== undefined) {
              opened++;
              model.on({ kind: 'loaded', traceId: effect.traceId, trace: buildTrace(spans) });
            }
            if (effect.kind === 'search') {
              const isRight = effect.request.query.length % 2 === 0;
              const fault = { from: 0, to: effect.request.query.length, message: 'no \u001b[2J' };
              model.answer(isRight ? { kind: 'found', traces: [summary(3)], total: 1 } : { kind: 'fault', fault });
            }
          }
          const { columns, rows } = model.state.size;
          const { lines } = frameOf(model.state, model.setting);
          // What is read aloud is as long as it is.
          expect(lines.length).toBeLessThanOrEqual(rows);
          if (!isReadAloud) expect(lines).toHaveLength(rows);
          for (const line of lines) {
            if (!isReadAloud) expect(lineWidth(line)).toBeLessThanOrEqual(columns);
            const text = line.map(segment => segment.text).join('');
            // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
            expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

function frameText(state: State, settings: Setting): string {
  const { lines } = frameOf(state, settings);
  return lines
    .map(line =>
      line
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

function selectedId(state: State): string | undefined {
  return state.trace === undefined ? undefined : selectedNode(state.trace)?.span.spanId;
}
