import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { widthOf } from '../../src/terminal/measure.ts';
import { DRAWING_START, draw, spanIdOf } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer } from '../support/run.ts';
import { EXAMPLE, FIXTURES, ORPHAN_ID, PAGE_ID, PAYMENT_ID, shopFile } from './shop.ts';

// What people see, at two widths. A change here is looked at: `npx vitest run test/cli/golden -u`, then read the diff.

const FOLDER = fileURLToPath(new URL('./golden', import.meta.url));
const WIDTHS = [80, 120] as const;

type Source = string | (() => string);

/** Everything that a waterfall has: errors, events, runs, asynchronous work, no time at all, two levels of services. */
const ORDER_ID = '0dde0000000000000000000000000001';
const ORDER = draw(
  `
  a | 0-400 | shop | POST /orders | server, error: payment refused, http.response.status_code=402
    b | 10-60 | shop | GET | client
      c | 12-55 | cart | GET /carts/{id} | server
        d | 14-50 | cart | HGETALL | client, event: cache miss @ 20
    e | 70-230 | stock | reserve | server
      f | 75-105 | stock | SELECT stock | client
      g | 106-136 | stock | SELECT stock | client
      h | 137-167 | stock | SELECT stock | client
      i | 168-198 | stock | SELECT stock | client
      j | 199-225 | stock | UPDATE stock | client
    k | 240-390 | shop | POST | client, error
      l | 245-385 | bank | POST /charges | server, error, exception: Refused: card expired @ 380
    m | 391-391 | shop | publish order.failed | producer
      n | 450-500 | mail | process order.failed | consumer
  `,
  { traceId: ORDER_ID },
);

/** Parts of a trace: a root, two orphans of the same missing parent, and a cycle. */
const PARTS_ID = 'bad00000000000000000000000000002';
const PARTS = draw(
  `
  a | 0-100 | web | GET /report | server
    b | 10-40 | web | render |
  o | 20-60 | db | SELECT rows | server, parent: x
    p | 30-50 | db | scan |
  q | 62-90 | db | SELECT sums | server, parent: x
  s | 70-80 | job | ping | parent: t
  t | 72-78 | job | pong | parent: s
  `,
  { traceId: PARTS_ID },
);

/** Deeper than any screen is wide. */
const DEEP_ID = 'deed0000000000000000000000000003';
const DEEP = draw(
  Array.from({ length: 22 }, (_, level) => {
    const indent = '  '.repeat(level);
    const [from, to] = [level * 2, 100 - level * 2];
    return `${indent}${String.fromCharCode(97 + level)} | ${from}-${to} | svc${level % 3} | step ${level} |${level === 21 ? ' error: too deep' : ''}`;
  }).join('\n'),
  { traceId: DEEP_ID },
);

const orderFile = () => dumpFile(ORDER);
const flakyFile = () =>
  dumpFile(
    ...Array.from({ length: 9 }, (_, index) =>
      draw(
        `
        a | 0-50 | shop | GET /pay | server${index % 3 === 0 ? '' : ', error: no luck'}
          b | 5-45 | bank | charge | server, error, exception: ${index % 2 === 0 ? 'Timeout' : 'Refused'}: no answer after ${index}00 ms @ 44
        `,
        { traceId: `${index + 1}`.padStart(32, 'f'), start: DRAWING_START + BigInt(index) * 3_600_000_000_000n },
      ),
    ),
  );

/** Those of other tests. */
const OF_OTHERS = [
  ...['flags.pipe', 'relation.pipe', 'relation.width-120', 'relation.width-80'].map(what => `explain/${what}.txt`),
  'db/info.width-100.txt',
  ...['ascii', 'spans', 'traces'].flatMap(what => [80, 200].map(width => `tail/${what}.width-${width}.txt`)),
];

const GOLDENS: readonly (readonly [what: string, args: readonly string[], source: Source])[] = [
  ['summary/example', ['summary'], EXAMPLE],
  ['summary/small', ['summary'], shopFile],
  ['summary/shop-of-fixtures', ['summary'], `${FIXTURES}otlp-json/shop.jsonl`],
  ['search/example', ['search'], EXAMPLE],
  ['search/small', ['search'], shopFile],
  ['search/spans', ['search', '--spans', '--status', 'error', '-n', '5'], EXAMPLE],
  [
    'search/fields',
    ['search', '--fields', 'traceId,rootSpanName,durationNano,errorCount,services', '-n', '5'],
    EXAMPLE,
  ],
  [
    'search/spansets',
    ['search', '{ kind = server } | by(resource.service.name) | avg(duration) > 300ms', '-n', '3'],
    EXAMPLE,
  ],
  [
    'search/selected',
    ['search', '{ status = error } | select(span.http.route, parent:name, statusMessage)', '--spans', '-n', '4'],
    EXAMPLE,
  ],
  ['services/example', ['services'], EXAMPLE],
  ['services/small', ['services'], shopFile],
  ['operations/example', ['operations'], EXAMPLE],
  ['operations/small', ['operations'], shopFile],
  ['metrics/example', ['metrics'], EXAMPLE],
  [
    'metrics/quantiles',
    [
      'metrics',
      '{ kind = server } | quantile_over_time(duration, .5, .95) by (resource.service.name, name)',
      '-n',
      '8',
    ],
    EXAMPLE,
  ],
  ['metrics/heat-map', ['metrics', '{ } | histogram_over_time(duration)'], EXAMPLE],
  ['metrics/heat-map-ascii', ['metrics', '{ kind = client } | histogram_over_time(duration)', '--ascii'], EXAMPLE],
  ['metrics/compare', ['metrics', '{ } | compare({ status = error })', '-n', '12'], EXAMPLE],
  ['critical-path/example', ['critical-path', '-n', '8'], EXAMPLE],
  ['critical-path/small', ['critical-path'], shopFile],
  ['critical-path/one-trace', ['critical-path', PAGE_ID], shopFile],
  ['critical-path/longest-sections', ['critical-path', '2d82b21542c9', '-n', '4'], EXAMPLE],
  ['critical-path/not-waited-for', ['critical-path', ORDER_ID], orderFile],
  ['errors/example', ['errors'], EXAMPLE],
  ['errors/small', ['errors'], shopFile],
  ['errors/several-groups', ['errors'], flakyFile],
  ['errors/one-group', ['errors', 'd993a8a5'], EXAMPLE],
  ['show/page', ['show', PAGE_ID], shopFile],
  ['show/failed', ['show', PAYMENT_ID], shopFile],
  ['show/orphan', ['show', ORPHAN_ID], shopFile],
  ['show/order', ['show'], orderFile],
  ['show/order-unfolded', ['show', '--unfold'], orderFile],
  ['show/order-depth', ['show', '--depth', '1'], orderFile],
  ['show/order-longest', ['show', '--min-duration', '100ms'], orderFile],
  ['show/order-ascii', ['show', '--ascii'], orderFile],
  ['show/span', ['show', '--span', spanIdOf('l')], orderFile],
  ['show/parts', ['show'], () => dumpFile(PARTS)],
  ['show/deep', ['show'], () => dumpFile(DEEP)],
  ['show/run-of-queries', ['show', 'e8caa09018bf'], EXAMPLE],
  ['show/cycle', ['show'], `${FIXTURES}otlp-json/cycle.jsonl`],
  ['show/no-time', ['show'], () => dumpFile(draw('a | 0-0 | web | tick |\n  b | 0-0 | web | tock |'))],
  [
    'sql/few-columns',
    ['sql', 'SELECT service_name, count(*) AS n FROM spans GROUP BY ALL ORDER BY n DESC, 1'],
    EXAMPLE,
  ],
  ['sql/many-columns', ['sql', 'FROM spans LIMIT 3'], EXAMPLE],
  ['sql/long-text', ['sql', "SELECT name, repeat('long ', 40) AS text, 42 AS n FROM spans LIMIT 2"], EXAMPLE],
];

describe.each(WIDTHS)('%i columns', width => {
  test.each(GOLDENS)('%s', async (what, args, source) => {
    const file = typeof source === 'string' ? source : source();
    const text = await answer([...args, file, '--format', 'table', '--utc', '--width', String(width)]);
    await expect(text).toMatchFileSnapshot(`./golden/${what}.width-${width}.txt`);
  });
});

describe('the golden files', () => {
  let files: readonly string[] = [];

  beforeAll(() => {
    files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.txt'))
      .sort();
  });

  test('are those of this list', () => {
    const named = GOLDENS.flatMap(([what]) => WIDTHS.map(width => `${what}.width-${width}.txt`));
    expect(files).toEqual([...named, ...OF_OTHERS].sort());
  });

  test('have no line that is wider than their name says', () => {
    for (const file of files) {
      const width = Number(/width-(\d+)/.exec(file)?.[1] ?? Infinity);
      const lines = readFileSync(`${FOLDER}/${file}`, 'utf8').split('\n');
      expect([file, lines.filter(line => widthOf(line) > width)]).toEqual([file, []]);
    }
  });

  test('have no space at the end of a line, and no control character', () => {
    for (const file of files) {
      const text = readFileSync(`${FOLDER}/${file}`, 'utf8');
      expect([file, text.match(/ $/m)]).toEqual([file, null]);
      expect([file, text.match(/(?!\n)\p{Cc}/u)]).toEqual([file, null]);
    }
  });

  test('of ASCII are ASCII', () => {
    for (const file of files.filter(name => name.includes('ascii')))
      expect(readFileSync(`${FOLDER}/${file}`, 'utf8')).toMatch(/^[\n -~]*$/);
  });
});
