import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Assembly, AssemblyInput } from '../../src/model/assembled-columns.ts';
import { Assembler } from '../../src/model/assembly.ts';
import { Quirk, SHARED_SPAN_MASK } from '../../src/model/span-batch.ts';
import { Kind } from '../../src/model/status.ts';
import { FastAssembler } from '../../src/store/fast-assembler.ts';
import { REPOSITORY } from '../support/run.ts';

// The fast assembler gives what the one in TypeScript gives, whatever the window. Its module is built by `npm run build`.

const MASK = (BigInt(SHARED_SPAN_MASK.high) << 32n) | BigInt(SHARED_SPAN_MASK.low);
const ORIGIN = 1_795_165_200_000_000_000n;
/** More than the module has room for. */
const TOO_MANY = 262_145;

interface Row {
  readonly trace: bigint;
  readonly id: bigint;
  readonly parent: bigint;
  readonly start: bigint;
  readonly duration: bigint;
  readonly kind: number;
  readonly quirks: number;
  readonly service: number;
  readonly failed: number;
}

function inputOf(rows: readonly Row[]): AssemblyInput {
  const words = (perRow: number, numberOf: (row: Row) => bigint) => {
    const column = new BigUint64Array((rows.length * perRow) / 2);
    for (const [index, row] of rows.entries()) {
      let value = numberOf(row);
      for (let at = (index * perRow) / 2; value > 0n; at++, value >>= 64n) column[at] = value & 0xffff_ffff_ffff_ffffn;
    }
    return new Uint32Array(column.buffer);
  };
  return {
    count: rows.length,
    traceId: words(4, row => row.trace),
    spanId: words(2, row => row.id),
    parentId: words(2, row => row.parent),
    start: words(2, row => row.start),
    duration: words(2, row => row.duration),
    kind: Uint8Array.from(rows, row => row.kind),
    quirks: Uint8Array.from(rows, row => row.quirks),
    service: Uint32Array.from(rows, row => row.service),
    failed: Uint8Array.from(rows, row => row.failed),
  };
}

/** Columns without the room behind their last item. */
function contentOf(assembly: Assembly): object {
  const { traces, unsettled, ...columns } = assembly;
  const positions = assembly.row.length;
  const services = traces.count === 0 ? 0 : traces.serviceEnd[traces.count - 1]!;
  const wide = { traceId: 4, spanId: 2, parentId: 2, start: 2, duration: 2, self: 2 };
  const itemsOf = (all: object, count: number) =>
    Object.fromEntries(
      Object.entries(all).map(([name, column]) => {
        if (typeof column === 'number') return [name, column];
        const perItem = wide[name as keyof typeof wide] ?? 1;
        return [name, Array.from(column.subarray(0, name === 'services' ? services : count * perItem))];
      }),
    );
  return {
    ...itemsOf(columns, positions),
    traces: itemsOf(traces, traces.count),
    unsettled: Array.from(unsettled),
  };
}

interface Window {
  readonly rows: readonly Row[];
  readonly settledBefore: number;
  readonly completeBefore: number;
}

function expectSame({ rows, settledBefore, completeBefore }: Window, fast = new FastAssembler(0)): void {
  const [plainInput, fastInput] = [inputOf(rows), inputOf(rows)];
  const plain = contentOf(new Assembler().assemble(plainInput, settledBefore, completeBefore));
  expect(contentOf(fast.assemble(fastInput, settledBefore, completeBefore))).toEqual(plain);
  // What assembly decides is written back alike.
  expect(fastInput).toEqual(plainInput);
}

/** A window of all rows. */
function whole(rows: readonly Row[]): Window {
  return { rows, settledBefore: rows.length, completeBefore: rows.length };
}

/** Traces of one root and spans below it, `spans` each, in turns. */
function commonRows(traces: number, spans: number): Row[] {
  return Array.from({ length: traces * spans }, (_, index) => {
    const place = Math.floor(index / traces);
    return {
      trace: BigInt((index % traces) + 1) << 70n,
      id: BigInt(index + 1),
      parent: place === 0 ? 0n : BigInt(index + 1 - traces * (1 + (place % 3 === 0 ? place - 1 : 0))),
      start: ORIGIN + BigInt((traces - (index % traces)) * 1000 + place),
      duration: BigInt(10_000 - place * 2),
      kind: index % 6,
      quirks: index % 5 === 0 ? Quirk.endUnknown : 0,
      service: index % 7,
      failed: index % 11 === 0 ? 1 : 0,
    };
  });
}

const one = fc.record({
  /** How odd the span is to be. */
  oddity: fc.nat(99),
  trace: fc.constantFrom(0, 0, 0, 0, 0, 1, 1, 1, 2, 3),
  lineage: fc.constantFrom('root', 'orphan', ...Array.from({ length: 20 }, () => 'child')),
  other: fc.nat(),
  start: fc.oneof(fc.nat(8), fc.nat(1_000_000), fc.maxSafeNat()),
  duration: fc.oneof(fc.nat(8), fc.nat(1_000_000), fc.maxSafeNat()),
  time: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  kind: fc.constantFrom(Kind.internal, Kind.server, Kind.client, Kind.producer, Kind.consumer),
  quirks: fc.nat(15),
  service: fc.nat(40),
  failed: fc.nat(1),
});

/** Windows in which most traces are common, and some have each of the things that are odd. */
const windows: fc.Arbitrary<Window> = fc
  .record({
    drafts: fc.array(one, { maxLength: 90, size: 'max' }),
    /** Of a hundred spans so many are odd. */
    odd: fc.constantFrom(0, 0, 2, 30),
    isZipkin: fc.boolean(),
    hasShortIds: fc.boolean(),
    completeBefore: fc.option(fc.nat(100), { nil: 100 }),
    unsettled: fc.option(fc.nat(30), { nil: 0 }),
  })
  .map(({ drafts, odd, isZipkin, hasShortIds, completeBefore, unsettled }) => {
    const idOf = (index: number) => BigInt.asUintN(64, BigInt(index) * 0x9e37_79b9_7f4a_7c15n + 1n);
    const rows = drafts.map((draft, index): Row => {
      const ofTrace = [...drafts.keys()].filter(other => drafts[other]!.trace === draft.trace);
      const before = ofTrace.filter(other => other < index);
      const any = idOf(ofTrace[draft.other % ofTrace.length]!);
      const parent = draft.lineage === 'child' && before.length > 0 ? idOf(before[draft.other % before.length]!) : 0n;
      const row: Row = {
        // Some have their low half in common, and one is that half.
        trace: hasShortIds && draft.trace === 3 ? 1n : (BigInt(draft.trace + 1) << 64n) | BigInt(draft.trace % 2),
        id: idOf(index),
        parent: draft.lineage === 'orphan' ? 7n : parent,
        start: ORIGIN + BigInt(draft.start),
        duration: BigInt(draft.duration),
        kind: draft.kind,
        quirks: isZipkin ? Quirk.sharedParent : 0,
        service: draft.service,
        failed: draft.failed,
      };
      if (draft.oddity >= odd) return row;
      const rest = (2n ** 63n - 1n - draft.time) >> BigInt(draft.other % 12);
      const changes: readonly Partial<Row>[] = [
        { parent: any },
        { id: any },
        { id: 0n },
        { id: parent ^ MASK, quirks: Quirk.sharedParent },
        { start: draft.time, duration: rest },
        { quirks: draft.quirks },
      ];
      return { ...row, ...changes[draft.oddity % changes.length] };
    });
    const complete = Math.min(completeBefore, rows.length);
    return {
      // They arrive in another order than that of their lineage.
      rows: rows.toSorted((a, b) => Number((a.id >> 7n) & 0xffn) - Number((b.id >> 7n) & 0xffn)),
      completeBefore: complete,
      settledBefore: Math.max(0, complete - unsettled),
    };
  });

/** How many windows are tried. `MUTATIONS=1000000 npx vitest run test/store/fast-assembler.test.ts` takes forty minutes. */
const MUTATIONS = Number(process.env.MUTATIONS ?? 3000);

test('the module has been built', () => {
  expect(existsSync(join(REPOSITORY, 'dist/traces.wasm'))).toBe(true);
});

test('any windows, one after the other', { timeout: 30_000 + MUTATIONS * 20 }, () => {
  const fast = new FastAssembler(0);
  fc.assert(
    fc.property(windows, window => expectSame(window, fast)),
    { numRuns: MUTATIONS },
  );
});

describe('windows that are not drawn', () => {
  const [span] = commonRows(1, 1);
  const spans = (count: number, change: (index: number) => Partial<Row>) =>
    Array.from({ length: count }, (_, index): Row => ({ ...span!, id: BigInt(index + 1), ...change(index) }));

  test.each([
    ['nothing', []],
    ['one span', commonRows(1, 1)],
    ['traces of twenty spans', commonRows(300, 20)],
    ['traces of one span', commonRows(6000, 1)],
    ['one trace in which spans come in the order of their ends', commonRows(1, 5000).toReversed()],
    ['a trace of more members than the module takes', commonRows(1, 20_000)],
    ['a chain', spans(10_000, index => ({ parent: BigInt(index) }))],
    ['more services than the module takes', spans(100, index => ({ parent: index === 0 ? 0n : 1n, service: index }))],
    [
      'as many services as the module takes',
      spans(64, index => ({ parent: index === 0 ? 0n : 1n, service: index % 32 })),
    ],
    [
      'a start that is no time',
      [...commonRows(2, 5), ...spans(3, index => ({ start: 2n ** 63n + BigInt(index), duration: 5n }))],
    ],
    ['roots that a double cannot tell apart', spans(3, index => ({ parent: 0n, duration: 2n ** 60n + BigInt(index) }))],
  ])('%s', (_, rows) => {
    expectSame(whole(rows));
    expectSame({ rows, settledBefore: Math.floor(rows.length / 2), completeBefore: rows.length });
  });
});

describe('who assembles', () => {
  function spies() {
    const assemble = vi.spyOn(Assembler.prototype, 'assemble');
    const assembleTrace = vi.spyOn(Assembler.prototype, 'assembleTrace');
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    return { assemble, assembleTrace };
  }

  test('common traces are for the module', () => {
    const { assemble, assembleTrace } = spies();
    const rows = commonRows(300, 20);
    expect(new FastAssembler().assemble(inputOf(rows)).traces.count).toBe(300);
    expect(assemble).not.toHaveBeenCalled();
    expect(assembleTrace).not.toHaveBeenCalled();
  });

  test('an odd trace among them is not, and it alone', () => {
    const { assemble, assembleTrace } = spies();
    const rows = commonRows(300, 20).map((row, index) => (index === 300 ? { ...row, parent: row.id } : row));
    expect(new FastAssembler().assemble(inputOf(rows)).traces.count).toBe(300);
    expect(assemble).not.toHaveBeenCalled();
    expect(assembleTrace).toHaveBeenCalledOnce();
  });

  test.each([
    ['a small window', 4095],
    ['one that is too large', TOO_MANY],
  ])('%s is for TypeScript', (_, spans) => {
    const { assemble } = spies();
    new FastAssembler().assemble(inputOf(commonRows(spans, 1)));
    expect(assemble).toHaveBeenCalledOnce();
  });
});
