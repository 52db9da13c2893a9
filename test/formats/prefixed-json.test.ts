import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

// Documents behind other text on their lines, as loggers print them; and log lines, which hold JSON of their own.

const LINES = fixture('otlp-json/shop.jsonl').toString().trimEnd().split('\n');
const { spans: SPANS } = await decodeDump(LINES.join('\n'));

const PREFIXES = [
  'INFO: ',
  '2026-11-02T08:00:00.000Z  INFO 1 --- [exporter-1] i.o.e.l.o.OtlpJsonLoggingSpanExporter : ',
  'Nov 02, 2026 8:00:00 AM io.opentelemetry.exporter.logging.otlp.OtlpJsonLoggingSpanExporter export INFO: ',
  'level=info ts=1793606400.5 {thread=1} {"a"=1} spans=',
  "b'",
];

describe.each(PREFIXES)('behind %j', prefix => {
  test.each([1, 7, 3000, 1 << 20])('documents are read in chunks of %i', async chunk => {
    const lines = chunk === 1 ? LINES.slice(0, 1) : LINES;
    const text = lines.map(line => `${prefix}${line}\n`).join('');
    const { account, spans } = await decodeDump(text, { chunk });
    expect(spans).toEqual(SPANS.slice(0, spans.length));
    expect(account).toMatchObject({ format: 'otlp-json', documents: lines.length, skipped: [], fault: undefined });
    expect(spans.length).toBeGreaterThan(0);
  });

  test('a document that is cut off in the middle of the log costs no other', async () => {
    const [first = '', ...rest] = LINES;
    const text = [first, first.slice(0, 700), first.slice(0, 3000), ...rest].map(line => `${prefix}${line}\n`).join('');
    for (const chunk of [100, 1 << 20]) {
      const { account, spans } = await decodeDump(text, { chunk });
      const names = new Set(spans.map(({ spanId }) => spanId));
      expect(SPANS.filter(({ spanId }) => !names.has(spanId))).toEqual([]);
      expect(account.skipped).toMatchObject([{ reason: 'malformed-json', count: 2 }]);
      expect(account.fault).toBeUndefined();
    }
  });

  test('a document that the input cuts off is told as such', async () => {
    const text = LINES.map(line => `${prefix}${line}\n`).join('');
    const { account } = await decodeDump(text.slice(0, -500));
    expect(account.fault?.message).toMatch(/^is cut off: /);
  });
});

test('what else is in the log is counted as its lines, JSON or not', async () => {
  const others = ['exporter starts', '{"level":"info","msg":"ready"}', '[INFO] {"request":{"id":7}}', 'bye {"', ''];
  const lines = [...others, ...LINES.map(line => `INFO ${line}`), ...others];
  const { account, spans } = await decodeDump(lines.join('\n'), { chunk: 1000 });
  expect(spans).toEqual(SPANS);
  expect(account.skipped).toMatchObject([{ reason: 'log-lines', count: 8 }]);
});

test('text behind a document on its line is one more line of the log', async () => {
  const { account, spans } = await decodeDump(LINES.map(line => `INFO ${line} (exported)\n`).join(''));
  expect(spans).toEqual(SPANS);
  expect(account.skipped).toMatchObject([{ reason: 'log-lines', count: LINES.length }]);
});

test('the other signals of OTLP are counted behind prefixes, too', async () => {
  const text = `INFO {"resourceLogs":[]}\nINFO ${LINES[0]}\n`;
  const { account } = await decodeDump(text);
  expect(account.skipped).toMatchObject([{ reason: 'otlp-logs', count: 1 }]);
});

test('a document over many lines may stand behind a prefix', async () => {
  const { spans } = await decodeDump(`INFO: ${fixture('otlp-json/plain.json')}`);
  expect(spans).toHaveLength(4);
});

describe('no document is found in', () => {
  test.each([
    ['prose about one', 'OTLP looks like this: {"resourceSpans":[...]}, for example.\n'.repeat(3)],
    ['log lines with JSON', 'INFO request {"trace_id":"a","span_id":"b","start":1}\nINFO {"a":{"b":[1]}}\n'],
    ['log lines with answers', 'INFO {"hits":{"hits":[]}} x\nWARN {} [] {"errors":[{"code":404}],"data":null}\n'],
    ['a line without an end', `INFO ${'{"a":'.repeat(200)}`],
  ])('%s', async (_, text) => {
    for (const chunk of [1, 1000]) {
      const { account } = await decodeDump(text, { chunk });
      expect(account).toMatchObject({ documents: 0, spans: 0 });
      expect(account.fault?.message).toMatch(/^is (text in no format that is read|cut off)/);
      expect(account.skipped.map(({ reason }) => reason)).toEqual(['not-json']);
    }
  });

  test('what stands further than 512 bytes into its line', async () => {
    const far = `${'x'.repeat(600)}${LINES[0]}\n`;
    const { account } = await decodeDump(`${far}INFO ${LINES[0]}\n`);
    expect(account).toMatchObject({ documents: 1, skipped: [{ reason: 'log-lines', count: 1 }] });
  });
});

test('JSON lines are not looked at twice: a line that begins like JSON is JSON', async () => {
  const { account } = await decodeDump(`{"a":{"resourceSpans":[]}}\n${LINES[0]}\n`);
  expect(account.skipped).toMatchObject([{ reason: 'unrecognised-json', count: 1 }]);
});
