import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { TestScreen } from '../support/terminal.ts';
import { ORDER_ID, PARTS_ID, shopFeed } from './traces.ts';

// What a person sees after some keys, at two sizes. A change here is looked at: `npx vitest run test/tui/golden -u`, then read the diff.

const FOLDER = fileURLToPath(new URL('./golden', import.meta.url));
const SIZES = [
  [80, 24],
  [140, 40],
] as const;

interface Gesture {
  readonly keys: readonly string[];
  /** The trace to begin with; none for the list. */
  readonly traceId?: string;
  /** Seen when the answer to what was asked for is there. */
  readonly until: string | RegExp;
  readonly unicode?: boolean;
}

const GESTURES: Readonly<Record<string, Gesture>> = {
  traces: { keys: [], until: 'GET /products' },
  'traces-ascii': { keys: ['j'], until: 'GET /products', unicode: false },
  'traces-last': { keys: ['G'], until: 'GET /report' },
  'traces-sort-duration': { keys: ['s'], until: /DURATION.\s+ERRORS|DURATION↓/ },
  'traces-filter': { keys: ['/', ...'status = error', 'enter'], until: '1 of 5' },
  'traces-filter-typing': { keys: ['/', ...'status = error'], until: /✖ 3/ },
  'traces-filter-wrong': { keys: ['/', ...'duration > eror'], until: '^^^^' },
  'traces-filter-nothing': { keys: ['/', ...'name = "x"', 'enter'], until: 'no trace matches' },
  'traces-find': { keys: ['\\', ...'report', 'enter'], until: '26 of 26' },
  'traces-filter-error-open-first': { keys: ['/', ...'status = error', 'enter', 'enter'], until: 'self' },
  'trace-parts': { keys: [], traceId: PARTS_ID, until: 'orphans' },
  trace: { keys: [], traceId: ORDER_ID, until: 'HGETALL' },
  'trace-ascii': { keys: ['j'], traceId: ORDER_ID, until: 'HGETALL', unicode: false },
  'trace-fold': { keys: ['j', 'h', 'j', 'h'], traceId: ORDER_ID, until: '+5 below' },
  'trace-unfold-run': { keys: ['j', 'j', 'j', 'j', 'j', 'enter'], traceId: ORDER_ID, until: 'row 6 of 14' },
  'trace-path-only': { keys: ['c'], traceId: ORDER_ID, until: 'critical path only' },
  'trace-next-error': { keys: ['e', 'e'], traceId: ORDER_ID, until: 'error 3 of 3' },
  'trace-span': { keys: ['e', 'e', 'enter'], traceId: ORDER_ID, until: 'span' },
  'trace-span-scrolled': { keys: ['e', 'e', 'enter', 'G'], traceId: ORDER_ID, until: 'host.name' },
  'trace-span-waterfall': { keys: ['e', 'e', 'enter', 'tab', 'k'], traceId: ORDER_ID, until: 'row 8 of 11' },
  help: { keys: ['?'], until: 'the next row' },
  'help-filtered': { keys: ['?', ...'error'], until: 'the next trace with errors' },
  commands: { keys: ['o'], traceId: ORDER_ID, until: 'tailspan show' },
};

describe('the screen', () => {
  const cases = Object.entries(GESTURES).flatMap(([name, gesture]) =>
    SIZES.map(([columns, rows]) => ({ name, columns, rows, gesture })),
  );

  test.each(cases)('$name at $columns by $rows', async ({ name, columns, rows, gesture }) => {
    const { keys, traceId, until, unicode = true } = gesture;
    const screen = new TestScreen(await shopFeed(), {
      columns,
      rows,
      unicode,
      ...(traceId === undefined ? {} : { traceId }),
    });
    await screen.until(traceId === undefined ? 'ERRORS' : 'self');
    await screen.press(...keys);
    await screen.until(until);
    await expect(`${screen.text()}\n`).toMatchFileSnapshot(`${FOLDER}/${name}.${columns}x${rows}.txt`);
  });
});
