import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { BatchWriter } from '../../src/formats/columns/batch-writer.ts';
import { SpanLane } from '../../src/formats/lane/lane.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { decodeDump, decodeDumps } from '../support/decode.ts';
import { fixture, fixturesIn } from '../support/fixtures.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { REPOSITORY } from '../support/run.ts';

// The fast lane gives what the decoders in TypeScript give, whatever the input. It is built by `npm run build`.

async function expectSame(bytes: Uint8Array | string, chunk?: number): Promise<void> {
  const options = chunk === undefined ? {} : { chunk };
  const [plain, fast] = [await decodeDump(bytes, options), await decodeDump(bytes, { ...options, lane: true })];
  expect(fast).toEqual(plain);
}

test('the lane has been built', () => {
  const writer = new BatchWriter({ producer: 0, firstValueId: 1, onBatch: () => {} });
  expect(SpanLane.open(writer)).toBeInstanceOf(SpanLane);
});

test('the words that the lane knows fields by are their names', () => {
  const source = readFileSync(join(REPOSITORY, 'src/formats/lane/assembly/words.ts'), 'utf8');
  const words = new Map(
    [...source.matchAll(/const (\w+): u64 = (0x\w+);/g)].map(([, name, word]) => [name, BigInt(word ?? 0)]),
  );
  const wordOf = (text: string) => Buffer.from(text.padEnd(8, '\0'), 'latin1').readBigUInt64LE();
  const fields: Record<string, string> = {
    NAME: 'name',
    KIND: 'kind',
    FLAGS: 'flags',
    LINKS: 'links',
    SPAN_ID: 'spanId',
    EVENTS: 'events',
    STATUS: 'status',
    TRACE_ID: 'traceId',
    TRACE_STATE: 'traceState',
    ATTRIBUTES: 'attributes',
    PARENT_SPAN_ID: 'parentSpanId',
    END_TIME: 'endTimeUnixNano',
    START_TIME: 'startTimeUnixNano',
    TIME: 'timeUnixNano',
    DROPPED_ATTRIBUTES: 'droppedAttributesCount',
    DROPPED_EVENTS: 'droppedEventsCount',
    DROPPED_LINKS: 'droppedLinksCount',
  };
  const expected = Object.entries(fields).flatMap(([name, field]) => {
    const end = name.endsWith('TIME') ? 'UNIX_NANO_END' : `${name}_END`;
    return field.length <= 8
      ? [[name, wordOf(field)] as const]
      : [[name, wordOf(field.slice(0, 8))] as const, [end, wordOf(field.slice(-8))] as const];
  });
  expect(words).toEqual(new Map(expected));
});

test.each(['otlp-json/shop.jsonl', 'otlp-proto/shop-framed.pb'])('common spans take the lane: %s', async file => {
  const append = vi.spyOn(BatchWriter.prototype, 'appendRun');
  const { spans } = await decodeDump(fixture(file), { lane: true });
  const inLane = append.mock.calls.reduce((sum, [run]) => sum + run.spanCount, 0);
  append.mockRestore();
  expect(inLane).toBeGreaterThan(spans.length * 0.5);
});

describe('every fixture', () => {
  const files = ['otlp-json', 'otlp-proto', 'invalid', 'example'].flatMap(folder => fixturesIn(folder));
  test.each(files)('%s', async file => {
    const bytes = fixture(file);
    await expectSame(bytes);
    await expectSame(bytes, 7);
  });
});

test('any spans, as JSON lines', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(traceSpans({ hasAttributes: true, maxSpans: 8 }), { maxLength: 3 }),
      fc.constantFrom(undefined, 100, 4096),
      async (traces, chunk) => expectSame(traces.map(otlpJson).join(''), chunk),
    ),
    { numRuns: 60 },
  );
});

/** How many changed inputs are tried. `MUTATIONS=1000000 npx vitest run test/formats/lane.test.ts` takes ten minutes. */
const MUTATIONS = Number(process.env.MUTATIONS ?? 5000);
/** So many are given to one decoder, as the sources of one ingest are. */
const DUMPS = 100;

test('input that was changed anywhere', { timeout: 30_000 + MUTATIONS * 20 }, async () => {
  const lines = fixture('otlp-json/shop.jsonl').toString().split('\n');
  const framed = fixture('otlp-proto/shop-framed.pb');
  const firstFrame = framed.subarray(0, 4 + framed.readUInt32BE(0));
  const inputs = [fixture('otlp-proto/plain.pb'), firstFrame, Buffer.from(lines[0] ?? ''), Buffer.from(lines[1] ?? '')];
  const change = fc.record({ at: fc.nat(), kind: fc.constantFrom('set', 'cut', 'double'), byte: fc.nat(255) });
  const changedInput = fc
    .tuple(fc.constantFrom(...inputs), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([bytes, changes]) =>
      changes.reduce<Buffer>((before, { at, kind, byte }) => {
        const place = at % before.length;
        if (kind === 'set') {
          const copy = Buffer.from(before);
          copy[place] = byte;
          return copy;
        }
        const rest = before.subarray(kind === 'cut' ? place + 1 + (byte & 7) : Math.max(0, place - (byte & 31)));
        return Buffer.concat([before.subarray(0, place), rest]);
      }, bytes),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(changedInput, { minLength: DUMPS, maxLength: DUMPS }), async dumps => {
      const plain = await decodeDumps(dumps);
      const fast = await decodeDumps(dumps, { lane: true });
      expect(fast).toEqual(plain);
    }),
    { numRuns: Math.ceil(MUTATIONS / DUMPS), endOnFailure: true },
  );
});
