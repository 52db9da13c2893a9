import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SpanColumns } from '../../src/model/span-batch.ts';
import { Dictionaries } from '../../src/store/dictionaries.ts';
import { FastAssembler } from '../../src/store/fast-assembler.ts';
import { PendingSpans } from '../../src/store/pending-spans.ts';

// A window holds what was added and not yet written, wherever it lies. The assembler's module is built by `npm run build`.

/** A span by numbers, which its columns repeat in each of their words. */
interface PlainSpan {
  readonly id: number;
  readonly operation: number;
  readonly status: number;
  readonly attributes: readonly number[];
}

/** What assembly must know of operations and statuses. */
function dictionaries(): Dictionaries {
  const all = new Dictionaries();
  for (let operation = 0; operation < 8; operation++) {
    all.operationKind.push(operation % 6);
    all.operationQuirks.push(operation % 3);
    all.operationService.push(operation * 1000);
  }
  for (let status = 0; status < 3; status++) all.statusFailed.push(status === 2 ? 1 : 0);
  return all;
}

function columnsOf(spans: readonly PlainSpan[]): SpanColumns {
  const words = (width: number, numberOf: (span: PlainSpan) => number) =>
    Uint32Array.from({ length: spans.length * width }, (_, at) => numberOf(spans[Math.floor(at / width)]!));
  let end = 0;
  return {
    count: spans.length,
    traceId: words(4, span => span.id),
    spanId: words(2, span => span.id + 1),
    parentId: words(2, span => span.id + 2),
    start: words(2, span => span.id + 3),
    duration: words(2, span => span.id + 4),
    operation: words(1, span => span.operation),
    resource: words(1, span => span.id + 5),
    status: words(1, span => span.status),
    attributeEnd: Uint32Array.from(spans, span => {
      end += span.attributes.length;
      return end;
    }),
    attributes: Uint32Array.from(spans.flatMap(span => span.attributes)),
  };
}

/** All that a window says of its spans, without the room behind the last. */
function contentOf(pending: PendingSpans): object {
  const { count, assemblyInput, operation, resource, status, attributeEnd, attributes } = pending;
  const { traceId, spanId, parentId, start, duration, kind, quirks, service, failed } = assemblyInput;
  const first = (column: Uint32Array | Uint8Array, width: number) => [...column.subarray(0, count * width)];
  return {
    count: assemblyInput.count,
    traceId: first(traceId, 4),
    wide: [spanId, parentId, start, duration].map(column => first(column, 2)),
    narrow: [operation.items, resource.items, status.items, kind, quirks, service, failed].map(column =>
      first(column, 1),
    ),
    attributeEnd: first(attributeEnd.items, 1),
    attributes: [...attributes.items.subarray(0, count === 0 ? 0 : attributeEnd.items[count - 1])],
  };
}

/** A window of spans that were added to an empty one. */
function windowOf(spans: readonly PlainSpan[]): PendingSpans {
  const pending = new PendingSpans();
  pending.addSpans(columnsOf(spans), dictionaries());
  return pending;
}

const span = fc.record({
  id: fc.nat(1_000_000),
  operation: fc.nat(7),
  status: fc.nat(2),
  attributes: fc.array(fc.nat(0xffff_ffff), { maxLength: 9 }),
});
/** Spans that are added, and then bits that say which of all rows are kept. */
const steps = fc.array(fc.record({ added: fc.array(span, { maxLength: 40 }), kept: fc.infiniteStream(fc.boolean()) }), {
  maxLength: 6,
});

describe.each([
  ['in the memory of the assembler', () => new FastAssembler(0)],
  ['in arrays of its own', () => undefined],
])('a window %s', (_, newAssembler) => {
  test('keeps the rows that it is told to keep, in their order', () => {
    fc.assert(
      fc.property(steps, all => {
        const assembler = newAssembler();
        const pending = new PendingSpans(spans => assembler?.memoryFor(spans));
        let model: PlainSpan[] = [];
        for (const { added, kept } of all) {
          pending.addSpans(columnsOf(added), dictionaries());
          model.push(...added);
          expect(contentOf(pending)).toEqual(contentOf(windowOf(model)));
          const isKept = model.map(() => kept.next().value === true);
          pending.keep(Uint32Array.from(isKept.flatMap((is, row) => (is ? [row] : []))));
          model = model.filter((_span, row) => isKept[row]);
          expect(contentOf(pending)).toEqual(contentOf(windowOf(model)));
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('a window that the memory is too small for goes on in arrays of its own', () => {
  const assembler = new FastAssembler(0);
  const pending = new PendingSpans(spans => assembler.memoryFor(spans));
  const spans = Array.from({ length: 1 << 17 }, (_, index) => ({
    ...{ id: index, operation: index % 8, status: index % 3 },
    attributes: index % 5 === 0 ? [index, index + 1] : [],
  }));
  const added = columnsOf(spans);
  for (let time = 0; time < 3; time++) pending.addSpans({ ...added }, dictionaries());
  expect(pending.traceId.items.buffer).not.toBe(assembler.memoryFor(1)?.traceId.buffer);
  const rows = Uint32Array.from({ length: spans.length }, (_, index) => index * 3);
  pending.keep(rows);
  const model = [...spans, ...spans, ...spans].filter((_, row) => row % 3 === 0);
  expect(contentOf(pending)).toEqual(contentOf(windowOf(model)));
});
