import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { anyValueOf, linksOf } from '../../src/formats/parquet/proto.ts';
import { WireError } from '../../src/formats/protobuf/wire.ts';
import { parseColumnMap } from '../../src/formats/rows/columns.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture, fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/load.ts';

// Parquet: tables of spans, and blocks of Grafana Tempo.

const START = 1_793_606_400_000_000_000n;
/** 2026-11-02 00:00:00 UTC. */
const DAY = 1_793_577_600_000_000_000n;
const ONE = '0000000000000001';
const TWO = '0000000000000002';
const NINE = '0000000000000009';

async function read(file: string): Promise<object[]> {
  const { account, spans } = await decodeDump(fixture(`parquet/${file}`));
  expect(account).toMatchObject({ format: 'parquet', documents: 1, skipped: [], repaired: [], fault: undefined });
  return spans.map(({ traceId, ...span }) => {
    expect(traceId).toBe(spans[0]?.traceId);
    return span;
  });
}

const span = (spanId: string, rest: Partial<DecodedSpan>) => ({
  spanId,
  parentSpanId: undefined,
  kind: 'unspecified',
  status: { code: 'unset', message: '' },
  attributes: {},
  scope: { name: '', version: '', attributes: {} },
  events: [],
  links: [],
  flags: 0,
  quirks: 0,
  ...rest,
});

test('clickhouse.parquet has maps and arrays (zstd)', async () => {
  const common = (n: bigint) => ({
    name: `span ${n}`,
    kind: 'client' as const,
    parentSpanId: ONE,
    serviceName: 'shop',
    startTimeUnixNano: DAY + 123_456_000n + n * 1_000_000n,
    durationNano: n * 1000n,
    attributes: { 'http.method': 'GET', n: String(n) },
    resource: { 'service.name': 'shop', 'host.name': 'h1' },
    scope: { name: 'lib', version: '1', attributes: {} },
  });
  expect(await read('clickhouse.parquet')).toEqual([
    span(ONE, { ...common(1n), kind: 'server', parentSpanId: undefined }),
    span(TWO, common(2n)),
    span('0000000000000003', {
      ...common(3n),
      status: { code: 'error', message: 'down' },
      events: [{ timeUnixNano: DAY + 130_000_001n, name: 'exception', attributes: { 'exception.type': 'Timeout' } }],
    }),
  ]);
});

test('duckdb-otlp.parquet has 32-bit integers and JSON as text (snappy)', async () => {
  expect(await read('duckdb-otlp.parquet')).toEqual([
    span(ONE, {
      name: 'POST /checkout',
      kind: 'server',
      serviceName: 'shop',
      startTimeUnixNano: DAY + 123_000_000n,
      durationNano: 100_000_000n,
      status: { code: 'error', message: 'down' },
      attributes: { n: 9_007_199_254_740_993n },
      resource: { 'service.name': 'shop', 'service.namespace': 'ns' },
      scope: { name: 'http', version: '1.2', attributes: {} },
      events: [{ timeUnixNano: START + 150_000_001n, name: 'exception', attributes: { 'exception.type': 'Timeout' } }],
      flags: 257,
    }),
  ]);
});

test('generic.parquet has ids as bytes, and columns of several types (uncompressed)', async () => {
  const common = (n: bigint) => ({
    name: `span ${n}`,
    parentSpanId: ONE,
    serviceName: 'web',
    resource: { 'service.name': 'web' },
    startTimeUnixNano: START + n * 1_000_001n,
    durationNano: n * 125_000n,
    attributes: { retries: n, cost: 1.5, 'a.b': n, labels: ['x', 'y'], raw: new Uint8Array([0, 255]) },
  });
  expect(await read('generic.parquet')).toEqual([
    span(ONE, { ...common(1n), parentSpanId: undefined }),
    span(TWO, { ...common(2n), status: { code: 'error', message: '' } }),
    span('0000000000000003', common(3n)),
  ]);
});

test('tempo-vparquet4.parquet is a block of Tempo, a row a trace', async () => {
  const above = {
    serviceName: 'shop',
    resource: {
      'service.name': 'shop',
      'k8s.pod.name': 'pod-1',
      'DedicatedAttributes.String01': 'blue',
      'host.name': 'h1',
    },
    scope: { name: 'http', version: '1.2', attributes: { 'scope.key': 'v' } },
  };
  expect(await read('tempo-vparquet4.parquet')).toEqual([
    span(ONE, {
      ...above,
      name: 'POST /checkout',
      kind: 'server',
      startTimeUnixNano: START + 1n,
      durationNano: 100_000_001n,
      status: { code: 'error', message: 'down' },
      attributes: {
        'http.method': 'POST',
        'http.status_code': 500n,
        text: 'a',
        integer: 9_007_199_254_740_993n,
        double: 2,
        bool: false,
        texts: ['a', 'b'],
        none: [],
        map: { k: 1n },
        'otel.dropped_attributes_count': 1n,
        'otel.dropped_links_count': 3n,
        'w3c.tracestate': 'ot=th:8',
      },
      events: [
        {
          timeUnixNano: START + 6n,
          name: 'exception',
          attributes: { 'exception.type': 'Timeout', droppedAttributesCount: 2n },
        },
      ],
      links: [
        {
          traceId: expect.stringMatching(/^b2fbefbeffb0c1d2/),
          spanId: NINE,
          attributes: { traceState: 'vendor=x' },
        },
      ],
    }),
    span(TWO, {
      ...above,
      parentSpanId: ONE,
      name: 'unfinished',
      kind: 'client',
      startTimeUnixNano: START + 2n,
      durationNano: 0n,
      quirks: Quirk.endUnknown,
    }),
  ]);
});

test('tempo-vparquet5.parquet has lists in the columns of attributes', async () => {
  expect(await read('tempo-vparquet5.parquet')).toMatchObject([
    {
      spanId: ONE,
      name: 'POST /checkout',
      kind: 'server',
      serviceName: 'shop',
      resource: {
        'service.name': 'shop',
        'host.name': 'h1',
        'DedicatedAttributes.String01': 'blue',
        'DedicatedAttributes.Integer01': 7n,
      },
      startTimeUnixNano: START + 1n,
      durationNano: 100_000_001n,
      attributes: { 'DedicatedAttributes.String01': ['a', 'b'], integer: 9007199254740993n, texts: ['a', 'b'] },
      events: [
        {
          timeUnixNano: START + 6n,
          name: 'exception',
          attributes: { 'DedicatedAttributes.String01': 'Timeout' },
        },
      ],
      links: [{ spanId: NINE }],
    },
  ]);
});

test('tempo-vparquet3.parquet has protobuf in its columns (gzip)', async () => {
  expect(await read('tempo-vparquet3.parquet')).toEqual([
    span(ONE, {
      name: 'POST /checkout',
      kind: 'server',
      serviceName: 'shop',
      resource: { 'service.name': 'shop', 'host.name': 'h1' },
      scope: { name: 'http', version: '1.2', attributes: {} },
      startTimeUnixNano: START + 1n,
      durationNano: 7n,
      status: { code: 'ok', message: '' },
      // The list was counted as dropped, and is there.
      attributes: { 'http.method': 'POST', text: 'a', integer: -1n, double: 0.5, bool: true, list: ['a'] },
      events: [
        {
          timeUnixNano: START + 5n,
          name: 'retry',
          attributes: { text: 'a', integer: 7n, list: [true], json: 'of old' },
        },
      ],
      links: [{ traceId: expect.stringMatching(/^b2fbefbeffb0c1d2/), spanId: NINE, attributes: { traceState: 'a' } }],
    }),
  ]);
});

test('row-groups.parquet has two row groups (lz4)', async () => {
  const spans = await read('row-groups.parquet');
  expect(spans).toHaveLength(2400);
  expect(spans[2399]).toEqual(
    span('0000000000000960', {
      name: 'span',
      serviceName: 'unknown_service',
      resource: {},
      startTimeUnixNano: START + 2400n,
      durationNano: 5n,
    }),
  );
});

describe('a damaged file', () => {
  const whole = fixture('parquet/row-groups.parquet');

  test.each([4, 11, 100, whole.length - 1])('of %i bytes has no description', async length => {
    const { account, spans } = await decodeDump(whole.subarray(0, length));
    expect(spans).toEqual([]);
    expect(account.fault).toMatchObject({ message: expect.stringMatching(/^is cut off: the description at the end/) });
  });

  test('keeps the row groups that are whole', async () => {
    const broken = Buffer.from(whole);
    // Behind the first pages; the second row group begins later.
    broken.fill(0xff, 40, 400);
    const { account, spans } = await decodeDump(broken);
    expect(spans).toHaveLength(352);
    expect(account.skipped).toMatchObject([{ reason: 'malformed-parquet', count: 1, first: { offset: 4 } }]);
  });

  test('with a broken description is refused', async () => {
    const broken = Buffer.from(whole);
    broken.fill(0xff, broken.length - 200, broken.length - 8);
    expect((await decodeDump(broken)).account).toMatchObject({
      spans: 0,
      fault: { message: expect.stringMatching(/^is broken/) },
    });
    const long = Buffer.from(whole);
    long.writeUInt32LE(0xffff_ffff, long.length - 8);
    expect((await decodeDump(long)).account.skipped).toMatchObject([
      { reason: 'malformed-parquet', first: { detail: 'its description begins before the file does' } },
    ]);
  });

  test('never throws, whatever byte is wrong', async () => {
    const small = fixture('parquet/generic.parquet');
    for (let at = 4; at < small.length - 4; at += 7) {
      const broken = Buffer.from(small);
      broken[at] = (broken[at] ?? 0) ^ 0x5a;
      const { account } = await decodeDump(broken);
      expect(account.spans).toBeLessThanOrEqual(3);
    }
  });

  test('with a row group over the limit is read but for it', async () => {
    const { account, spans } = await decodeDump(whole, { limits: { recordBytes: 40_000 } });
    expect(spans).toHaveLength(352);
    expect(account.skipped).toMatchObject([{ reason: 'record-too-large', count: 1 }]);
  });
});

describe('where the file lies', () => {
  const decodeFile = async (path: string, bytes: number | undefined, onProgress?: (bytes: number) => void) => {
    const decoder = new SourceDecoder(
      { producer: 0, firstValueId: 1, onBatch: () => undefined },
      { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS },
    );
    return decoder.decode({ name: path, path, bytes }, onProgress);
  };

  test('it is read in place', async () => {
    const path = join(temporaryFolder(), 'large.parquet');
    await writeTable(
      path,
      'SELECT md5(n::VARCHAR) AS trace_id, n AS span_id, n AS start_ns, uuid() AS noise FROM range(1, 20001) t(n)',
    );
    const { size } = await import('node:fs').then(({ statSync }) => statSync(path));
    const seen: number[] = [];
    const account = await decodeFile(path, size, bytes => seen.push(bytes));
    expect(account).toMatchObject({
      format: 'parquet',
      spans: 20_000,
      bytes: size,
      contentBytes: size,
      fault: undefined,
    });
    expect(seen.at(-1)).toBeLessThanOrEqual(size);
    // The same from a pipe, whose size nobody knows, and compressed.
    expect(await decodeFile(path, undefined)).toMatchObject({ spans: 20_000, contentBytes: size });
    writeFileSync(`${path}.gz`, gzipSync(await import('node:fs').then(({ readFileSync }) => readFileSync(path))));
    expect(await decodeFile(`${path}.gz`, 1)).toMatchObject({ spans: 20_000, contentBytes: size });
  });

  test('an abort is no damage', async () => {
    const path = fixturePath('parquet/row-groups.parquet');
    const reason = new Error('stop');
    const stop = () => {
      throw reason;
    };
    await expect(decodeFile(path, fixture('parquet/row-groups.parquet').length, stop)).rejects.toBe(reason);
  });

  test('a large stream goes through a temporary file, which does not stay', async () => {
    const leftovers = () => readdirSync(tmpdir()).filter(name => /^tailspan-[^-]+$/.test(name)).length;
    const before = leftovers();
    const path = join(temporaryFolder(), 'large.parquet');
    const noise = randomBytes(16).toString('hex');
    await writeTable(
      path,
      `SELECT '${noise}' AS trace_id, n AS span_id, n AS start_ns, repeat(md5(n::VARCHAR), 20) AS noise FROM range(1, 40001) t(n)`,
      ', COMPRESSION uncompressed',
    );
    expect(await decodeFile(path, undefined)).toMatchObject({ spans: 40_000, fault: undefined });
    expect(leftovers()).toBe(before);
    expect(existsSync(path)).toBe(true);
  });
});

async function writeTable(path: string, query: string, options = ''): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet ${options})`);
  connection.closeSync();
  instance.closeSync();
}

test('a table of something else is refused by its columns', async () => {
  const path = join(temporaryFolder(), 'other.parquet');
  await writeTable(path, "SELECT 1 AS a, 'x' AS b");
  const { readFileSync } = await import('node:fs');
  const { account } = await decodeDump(readFileSync(path));
  expect(account.fault?.message).toBe('is in a format that is not read: a Parquet table with the columns a, b');
  const parsed = parseColumnMap('trace_id=a,span_id=b,start=a');
  expect('map' in parsed && (await decodeDump(readFileSync(path), { columnMap: parsed.map })).account.spans).toBe(0);
});

test('columns that are mapped are read', async () => {
  const path = join(temporaryFolder(), 'mapped.parquet');
  await writeTable(path, "SELECT 'a1' AS request, 'b1' AS step, 1793606400::BIGINT AS at, 5::DOUBLE AS took");
  const { readFileSync } = await import('node:fs');
  const parsed = parseColumnMap('trace_id=request,span_id=step,start=at,unit=s,duration=took,duration_unit=ms');
  if ('problem' in parsed) throw new Error(parsed.problem);
  const { spans } = await decodeDump(readFileSync(path), { columnMap: parsed.map });
  expect(spans).toMatchObject([{ spanId: '00000000000000b1', startTimeUnixNano: START, durationNano: 5_000_000n }]);
});

describe('descriptions that are damaged', () => {
  test('a column that the schema does not have costs its row group, whatever else is broken in it', async () => {
    const bytes = Buffer.from(fixture('parquet/duckdb-otlp.parquet'));
    // The name stands in the schema, and behind it in the row group; the first column, which is read at once, is broken too.
    bytes[bytes.lastIndexOf('scope_version')] = 0x3f;
    bytes.fill(0xff, 40, 120);
    const { account, spans } = await decodeDump(bytes);
    expect(spans).toEqual([]);
    expect(account.skipped).toMatchObject([
      {
        reason: 'malformed-parquet',
        count: 1,
        first: { detail: 'a column ?cope_version that its schema does not have' },
      },
    ]);
    // What is broken in other columns would come to light only now.
    await new Promise(resolve => setTimeout(resolve, 20));
  });

  test('a column without a name makes no table', async () => {
    const bytes = Buffer.from(fixture('parquet/duckdb-otlp.parquet'));
    const at = bytes.indexOf('service_name', bytes.indexOf('duckdb_schema'));
    expect(bytes[at - 2]).toBe(0x18);
    // Field 4 of a SchemaElement becomes one that nobody knows.
    bytes[at - 2] = 0x78;
    const { account } = await decodeDump(bytes);
    expect(account.skipped).toMatchObject([
      { reason: 'malformed-parquet', first: { detail: 'a column without a name' } },
    ]);
  });
});

describe('protobuf in cells', () => {
  const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

  test.each([
    ['0a0161', 'a'],
    ['1001', true],
    ['18ffffffffffffffffff01', -1n],
    ['21000000000000f83f', 1.5],
    ['2a060a0218010a00', [1n, null]],
    ['32090a070a016b12021801', { k: 1n }],
    ['3a0200ff', new Uint8Array([0, 255])],
    ['', null],
    ['3a00 fd01 00000000', new Uint8Array(0)],
  ])('%s', (hex, value) => {
    expect(JSON.stringify(plain(anyValueOf(bytes(hex))))).toBe(JSON.stringify(plain(value)));
  });

  test.each(['0a05', '18ffffffffffffffffffff01', '0b', '0a', '32080a060a016b1201'])('%s is broken', hex => {
    expect(() => anyValueOf(bytes(hex))).toThrow(WireError);
  });

  test('is not followed without end', () => {
    let message = bytes('1801');
    for (let depth = 0; depth < 100; depth++) {
      const list = Buffer.concat([varintField(1, message.length), message]);
      message = Buffer.concat([varintField(5, list.length), list]);
    }
    expect(() => anyValueOf(message)).toThrow('nested more than 64 deep');
  });

  test('links have attributes', () => {
    const keyValue = '0a016b12030a0176';
    const link = `0a10${'ab'.repeat(16)}1208${'cd'.repeat(8)}2208${keyValue}2805`;
    const [found] = linksOf(bytes(`0a${(link.length / 2).toString(16).padStart(2, '0')}${link}`));
    expect(found?.attributes).toEqual(
      new Map<string, unknown>([
        ['k', 'v'],
        ['droppedAttributesCount', 5n],
      ]),
    );
  });
});

function varintField(number: number, length: number): Buffer {
  const varint: number[] = [];
  for (let rest = length; ; rest >>= 7) {
    varint.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  return Buffer.from([(number << 3) | 2, ...varint]);
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'object' && value !== null ? Object.entries(value).map(plain) : value;
}
