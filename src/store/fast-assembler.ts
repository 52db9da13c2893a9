import { readFileSync } from 'node:fs';
import type { AssembledColumns, Assembly, AssemblyInput } from '../model/assembled-columns.ts';
import { Assembler } from '../model/assembly.ts';
import { joinShortIds } from '../model/trace-groups.ts';
import type { WindowMemory } from './pending-spans.ts';

// Assembly in WebAssembly (src/webassembly/traces), several times as fast as in TypeScript, which stays the one definition: a trace
// that has anything odd about it (a cycle, an id that comes twice, a start that was not recorded, …) is assembled by `Assembler`, in
// the place that it has among the others, and so is a window that is small, or too large for the module's memory. So the module may
// be left out at any time.

/** Smaller windows are assembled before the module would be compiled. */
const LEAST_SPANS = 4096;
/** Traces by call: a call lets V8 change to code that it has compiled better since. */
const TRACES_PER_CALL = 256;

// What the module says of the traces that it was to assemble.
const MORE = 1;
const ODD = 2;

/** Assembles as `Assembler` does, window after window. */
export class FastAssembler {
  readonly #assembler = new Assembler();
  /** Undefined until there is a window that is worth it, and where there is none to be had. */
  #module: TraceModule | undefined;
  #isSought = false;
  readonly #leastSpans: number;

  /** Windows of fewer spans than `leastSpans` are left to TypeScript. */
  constructor(leastSpans = LEAST_SPANS) {
    this.#leastSpans = leastSpans;
  }

  assemble(input: AssemblyInput, settledBefore = input.count, completeBefore = settledBefore): Assembly {
    const module = input.count < this.#leastSpans ? undefined : this.#moduleFor(input.count);
    const traceCount = module?.group(input);
    if (module === undefined || traceCount === undefined) {
      return this.#assembler.assemble(input, settledBefore, completeBefore);
    }
    const { functions, columns, rows, from, firstRow } = module;
    functions.beginAssembly(traceCount, settledBefore, completeBefore);
    for (let state = MORE; state === MORE || state === ODD; ) {
      state = functions.assembleTraces(TRACES_PER_CALL);
      if (state !== ODD) continue;
      const trace = functions.traceInHand();
      const members = rows.subarray(from[trace]!, from[trace + 1]!);
      columns.traces.count = functions.traceCount();
      this.#assembler.assembleTrace(input, members, functions.position(), columns, firstRow[trace]!);
      functions.settle();
    }
    columns.traces.count = functions.traceCount();
    const positions = functions.position();
    if (positions < input.count) functions.listUnsettled(input.count, completeBefore);
    return {
      ...columns,
      row: columns.row.subarray(0, positions),
      unsettled: module.unsettled.subarray(0, input.count - positions),
    };
  }

  /**
   * The module's own place for a window of so many spans, where there is one: what lies there need not be copied. There is one, and what
   * this assembler is given from elsewhere is copied to it.
   */
  memoryFor(count: number): WindowMemory | undefined {
    return count < this.#leastSpans ? undefined : this.#moduleFor(count)?.window;
  }

  #moduleFor(count: number): TraceModule | undefined {
    if (!this.#isSought) {
      this.#isSought = true;
      this.#module = TraceModule.open();
    }
    return this.#module !== undefined && count <= this.#module.mostSpans ? this.#module : undefined;
  }
}

type ModuleFunction = (...numbers: number[]) => number;

class TraceModule {
  readonly mostSpans: number;
  readonly functions;
  /** What was assembled, until the next window. */
  readonly columns: AssembledColumns;
  readonly unsettled: Uint32Array;
  /** Rows by trace, as in `TraceGroups`. */
  readonly rows: Uint32Array;
  readonly from: Uint32Array;
  readonly firstRow: Uint32Array;
  readonly #traceOf: Uint32Array;
  readonly window: WindowMemory;

  /** The module; undefined where it has not been built, or has no room. */
  static open(): TraceModule | undefined {
    const isSource = import.meta.url.endsWith('.ts');
    try {
      const file = new URL(isSource ? '../../dist/traces.wasm' : './traces.wasm', import.meta.url);
      return new TraceModule(new WebAssembly.Module(readFileSync(file)));
    } catch {
      // Not built, a processor without SIMD, or a limit on the memory of the process: everything is assembled all the same.
      return undefined;
    }
  }

  private constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module, {});
    const { memory } = exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new Error('the module has no memory');
    const { buffer } = memory;
    const place = (name: string): number => {
      const found = exports[name];
      if (!(found instanceof WebAssembly.Global)) throw new Error(`the module has no ${name}`);
      return Number(found.value);
    };
    const called = (name: string) => exports[name] as ModuleFunction;
    this.functions = {
      numberTraces: called('numberTraces'),
      hasZipkin: called('hasZipkin'),
      groupRows: called('groupRows'),
      beginAssembly: called('beginAssembly'),
      assembleTraces: called('assembleTraces'),
      traceInHand: called('traceInHand'),
      settle: called('settle'),
      position: called('position'),
      traceCount: called('traceCount'),
      listUnsettled: called('listUnsettled'),
      keepRows: called('keepRows'),
    };
    const spans = place('MOST_SPANS');
    this.mostSpans = spans;
    const words = (name: string, perSpan = 1) => new Uint32Array(buffer, place(name), spans * perSpan);
    const bytes = (name: string) => new Uint8Array(buffer, place(name), spans);
    this.window = {
      traceId: words('TRACE_ID', 4),
      spanId: words('SPAN_ID', 2),
      parentId: words('PARENT_ID', 2),
      start: words('START', 2),
      duration: words('DURATION', 2),
      kind: bytes('KIND'),
      quirks: bytes('QUIRKS'),
      service: words('SERVICE'),
      failed: bytes('FAILED'),
      operation: words('OPERATION'),
      resource: words('RESOURCE'),
      status: words('STATUS'),
      attributeEnd: words('ATTRIBUTE_END'),
      attributes: new Uint32Array(buffer, place('ATTRIBUTES'), place('MOST_ATTRIBUTES')),
      keep: rows => {
        if (rows.buffer !== buffer) this.unsettled.set(rows);
        this.functions.keepRows(rows.length);
      },
    };
    this.#traceOf = words('TRACE_OF');
    this.firstRow = words('FIRST_ROW');
    this.rows = words('ROWS');
    this.from = new Uint32Array(buffer, place('FROM'), spans + 1);
    this.unsettled = words('UNSETTLED');
    this.columns = {
      row: words('OUT_ROW'),
      traceId: words('OUT_TRACE_ID', 4),
      spanId: words('OUT_SPAN_ID', 2),
      parentId: words('OUT_PARENT_ID', 2),
      start: words('OUT_START', 2),
      duration: words('OUT_DURATION', 2),
      parentage: bytes('OUT_PARENTAGE'),
      component: words('OUT_COMPONENT'),
      left: words('OUT_LEFT'),
      right: words('OUT_RIGHT'),
      depth: words('OUT_DEPTH'),
      self: words('OUT_SELF', 2),
      traces: {
        count: 0,
        first: words('TRACE_FIRST'),
        size: words('TRACE_SIZE'),
        start: words('TRACE_START', 2),
        duration: words('TRACE_DURATION', 2),
        root: new Int32Array(buffer, place('TRACE_ROOT'), spans),
        roots: words('TRACE_ROOTS'),
        orphans: words('TRACE_ORPHANS'),
        cuts: words('TRACE_CUTS'),
        failed: words('TRACE_FAILED'),
        complete: bytes('TRACE_COMPLETE'),
        hasSharedIds: bytes('TRACE_SHARED'),
        serviceEnd: words('TRACE_SERVICE_END'),
        services: words('TRACE_SERVICES'),
      },
    };
  }

  /** Takes a window over, where it is not its own, and groups its rows by trace; returns how many traces there are, or undefined where its times are not for the module. */
  group(input: AssemblyInput): number | undefined {
    const { count } = input;
    const own = this.window;
    take(input.traceId, own.traceId, count * 4);
    take(input.spanId, own.spanId, count * 2);
    take(input.parentId, own.parentId, count * 2);
    take(input.start, own.start, count * 2);
    take(input.duration, own.duration, count * 2);
    take(input.kind, own.kind, count);
    take(input.quirks, own.quirks, count);
    take(input.service, own.service, count);
    take(input.failed, own.failed, count);
    const { functions } = this;
    let traceCount = functions.numberTraces(count);
    if (functions.hasZipkin() !== 0) traceCount = joinShortIds(input, traceCount, this.#traceOf, this.firstRow);
    return functions.groupRows(count, traceCount) === 0 ? undefined : traceCount;
  }
}

function take(column: Uint32Array | Uint8Array, own: Uint32Array | Uint8Array, length: number): void {
  if (column !== own) own.set(column.subarray(0, length));
}
