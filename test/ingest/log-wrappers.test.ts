import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

// What logs put around each line, taken off before formats look at it.

const LINES = fixture('otlp-json/shop.jsonl').toString().trimEnd().split('\n');
const PRETTY = fixture('otlp-json/plain.json').toString().trimEnd().split('\n');
const TIME = '2026-11-02T08:00:00.123456789Z';

const docker = (text: string, stream = 'stdout') => JSON.stringify({ log: text, stream, time: TIME });
const cri = (text: string, tag = 'F', stream = 'stdout') => `${TIME} ${stream} ${tag} ${text}`;
const journal = (text: string) =>
  JSON.stringify({ __CURSOR: 's=1', __REALTIME_TIMESTAMP: '1', MESSAGE: text, _PID: '4' });

/** Where messages are JSON, each is a line, and what else is logged is JSON of the logger. */
const LOGGER = 'messages of a logger';

const WRAPPERS: Readonly<Record<string, (line: string) => string>> = {
  'json-file lines of Docker': line => docker(`${line}\n`),
  'lines of Docker without their ends': docker,
  'CRI lines': line => cri(line),
  'journalctl -o json': journal,
  'journalctl -o json with bytes': line =>
    JSON.stringify({ _BOOT_ID: '1', MESSAGE: [...Buffer.from(`\u001b[32m${line}\u001b[0m`)] }),
  'journalctl -o short': line => `Nov 02 08:00:00 host shop[42]: ${line}`,
  'journalctl -o short-iso': line => `2026-11-02T08:00:00+0100 host.example shop[42]: ${line}`,
  'docker compose logs': line => `web-1     | ${line}`,
  'docker compose logs --timestamps, in colour': line =>
    `\u001b[36motel-collector  | \u001b[0m2026-11-02T08:00:00.123456789Z ${line}`,
  'text payloads of Google Cloud': line =>
    JSON.stringify({ insertId: 'a', resource: { type: 'k8s_container' }, textPayload: line, timestamp: TIME }),
  [LOGGER]: line => JSON.stringify({ level: 'info', ts: 1793606400.5, message: line }),
  'colours of a terminal': line => `\u001b[1;32m${line}\u001b[0m`,
  'journald around Docker': line => journal(docker(`${line}\n`)),
};

const PRINTED = Object.entries(WRAPPERS).filter(([name]) => name !== LOGGER);

const plain = await decodeDump(LINES.join('\n'));
const pretty = await decodeDump(PRETTY.join('\n'));

describe.each(Object.entries(WRAPPERS))('%s', (_, wrap) => {
  test.each([1, 100, 1 << 20])('are taken off in chunks of %i', async chunk => {
    const wrapped = `${LINES.map(wrap).join('\n')}\n`;
    const { account, spans } = await decodeDump(chunk === 1 ? wrapped.slice(0, wrapped.indexOf('\n') + 1) : wrapped, {
      chunk,
    });
    expect(spans).toEqual(chunk === 1 ? plain.spans.slice(0, spans.length) : plain.spans);
    expect(spans.length).toBeGreaterThan(0);
    expect(account).toMatchObject({ format: 'otlp-json', skipped: [], repaired: [], fault: undefined });
  });

  test('that are cut off give the spans before, and say so', async () => {
    const wrapped = LINES.map(wrap).join('\n');
    for (const missing of [100, 2000]) {
      const { account, spans } = await decodeDump(wrapped.slice(0, -missing));
      expect(plain.spans.slice(0, spans.length)).toEqual(spans);
      expect(spans.length).toBeGreaterThan(0);
      expect(account.fault?.message).toMatch(/^is cut off: /);
    }
  });
});

describe.each(PRINTED)('%s', (_, wrap) => {
  test('keep what is printed over many lines together', async () => {
    const { account, spans } = await decodeDump(PRETTY.map(wrap).join('\n'));
    expect(spans).toEqual(pretty.spans);
    expect(account).toMatchObject({ documents: 1, skipped: [], fault: undefined });
  });

  test('leave out what else is printed as lines of a log', async () => {
    const lines = ['shop 1.2 starts', ...LINES, 'shop stops'];
    const { account, spans } = await decodeDump(lines.map(wrap).join('\n'));
    expect(spans).toEqual(plain.spans);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['log-lines', 2]]);
    expect(account.fault).toBeUndefined();
  });
});

describe.each(['js-console/plain.txt', 'otelcol-debug/plain.txt', 'dotnet-console/plain.txt'])('%s', file => {
  const text = fixture(file).toString();

  test.each(['json-file lines of Docker', 'CRI lines', 'docker compose logs', 'journald around Docker'])(
    'is the same inside of %s',
    async name => {
      const lines = text.replace(/\n$/, '').split('\n');
      const { account, spans } = await decodeDump(`${lines.map(line => WRAPPERS[name]?.(line)).join('\n')}\n`);
      expect(spans).toEqual((await decodeDump(text)).spans);
      expect(account).toMatchObject({ format: file.split('/')[0], skipped: [], fault: undefined });
    },
  );

  test('is the same with colours on few lines', async () => {
    const coloured = text.replaceAll(/^(.*(?:traceId|#0|StartTime))/gm, '\u001b[32m$1\u001b[0m');
    expect(coloured).not.toBe(text);
    expect((await decodeDump(coloured)).spans).toEqual((await decodeDump(text)).spans);
  });
});

describe('parts of lines', () => {
  const parts = LINES.map(line => line.match(/.{1,400}/gs) ?? []);

  test('of Docker are joined, by stream', async () => {
    const wrapped = parts.flatMap(pieces =>
      pieces.flatMap((piece, at) => [
        docker(at === pieces.length - 1 ? `${piece}\n` : piece),
        docker('something is odd\n', 'stderr'),
      ]),
    );
    const { account, spans } = await decodeDump(wrapped.join('\n'), { chunk: 999 });
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['log-lines']);
    expect(spans).toEqual(plain.spans);
  });

  test('of CRI are joined, by stream', async () => {
    const wrapped = parts.flatMap(pieces =>
      pieces.flatMap((piece, at) => [cri(piece, at === pieces.length - 1 ? 'F' : 'P'), cri('odd', 'F', 'stderr')]),
    );
    const { account, spans } = await decodeDump(wrapped.join('\n'), { chunk: 999 });
    // A part of another stream does not break a line; it comes before it.
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['log-lines']);
    expect(spans).toEqual(plain.spans);
  });

  test('that never end are held no longer than a record may be', async () => {
    const wrapped = Array.from({ length: 300 }, () => cri('x'.repeat(1000), 'P'));
    const { account } = await decodeDump([...wrapped, ...LINES.map(line => cri(line))].join('\n'), {
      limits: { recordBytes: 100_000 },
    });
    expect(account.spans).toBe(0);
    expect(account.fault?.message).toBe('is text in no format that is read');
  });
});

test('payloads of Google Cloud that are objects are read as they are written', async () => {
  const lines = LINES.map(line => `{"insertId":"a","jsonPayload":${line},"timestamp":"${TIME}"}`);
  const { account, spans } = await decodeDump(lines.join('\n'));
  expect(spans).toEqual(plain.spans);
  expect(account).toMatchObject({ skipped: [], repaired: [] });
});

describe('an array of entries of Google Cloud', () => {
  const entries = ['shop starts', ...LINES].map(line => ({
    insertId: 'a',
    labels: { note: 'brackets ]}, commas and \\"quotes\\"' },
    resource: { type: 'k8s_container' },
    textPayload: line,
    timestamp: TIME,
  }));
  const objects = LINES.map(line => ({ insertId: 'a', jsonPayload: JSON.parse(line), logName: 'shop' }));

  test.each([
    ['indented', JSON.stringify(entries, undefined, 2)],
    ['on one line', JSON.stringify(entries)],
    ['twice, with line ends of Windows', `${JSON.stringify(entries, undefined, 2).replaceAll('\n', '\r\n')}\r\n[]\n`],
  ])('%s', async (_, text) => {
    for (const chunk of [1, 100, 1 << 20]) {
      const { account, spans } = await decodeDump(text, { chunk });
      expect(spans).toEqual(plain.spans);
      expect(account).toMatchObject({ format: 'otlp-json', repaired: [], fault: undefined });
      expect(account.skipped).toMatchObject([{ reason: 'log-lines', count: 1 }]);
    }
  });

  test('whose payloads are objects', async () => {
    const { account, spans } = await decodeDump(JSON.stringify(objects, undefined, 2));
    expect(spans).toEqual(plain.spans);
    expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
  });

  test('that is cut off gives the spans before, and says so', async () => {
    const { account, spans } = await decodeDump(JSON.stringify(entries, undefined, 2).slice(0, -2000));
    expect(spans.length).toBeGreaterThan(0);
    expect(plain.spans.slice(0, spans.length)).toEqual(spans);
    expect(account.fault?.message).toMatch(/^is cut off: /);
  });
});

test('a line longer than what is looked at is told by its beginning', async () => {
  const [first = ''] = LINES;
  const spans = first.slice(first.indexOf('"resourceSpans":[') + '"resourceSpans":['.length, first.lastIndexOf(']'));
  const long = `{"resourceSpans":[${Array.from({ length: 30 }, () => spans).join(',')}]}`;
  expect(long.length).toBeGreaterThan(1 << 17);
  const { spans: expected } = await decodeDump(long);
  for (const name of ['json-file lines of Docker', LOGGER, 'journalctl -o json', 'CRI lines']) {
    const wrapped = `${WRAPPERS[name]?.(long)}\n`;
    expect((await decodeDump(wrapped, { chunk: 5000 })).spans).toEqual(expected);
  }
});

describe('what has no wrapper', () => {
  test('are tables with bars between their columns', async () => {
    const rows = ['a', 'b'].map(id => `0af7651916cd43dd8448eb211c80319c|${id}1|shop  |2026-11-02T08:00:00Z`);
    const { account, spans } = await decodeDump(['trace_id|span_id|service|start', ...rows, ''].join('\n'));
    expect(account.format).toBe('csv-spans');
    expect(spans.map(({ spanId }) => spanId)).toEqual(['00000000000000a1', '00000000000000b1']);
  });

  test('are documents of traces with a message of their own', async () => {
    const answer = { trace: JSON.parse(LINES[0] ?? ''), status: 'COMPLETE', message: '{"a":1}' };
    const { account } = await decodeDump(JSON.stringify(answer));
    expect(account.spans).toBeGreaterThan(0);
    expect(account.skipped).toEqual([]);
  });

  test('are logs of something else, which are refused as text', async () => {
    const { account } = await decodeDump([cri('shop starts'), cri('{"level":"info"}'), cri('bye')].join('\n'));
    expect(account).toMatchObject({ spans: 0, format: undefined });
    expect(account.fault?.message).toMatch(/holds JSON but no trace format that is read/);
  });

  test('is a wrapper that only few lines have', async () => {
    const { account, spans } = await decodeDump([...LINES, cri('a'), docker('b\n')].join('\n'));
    expect(spans).toEqual(plain.spans);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['unrecognised-json', 'not-json']);
  });
});
