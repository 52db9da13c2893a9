// Where everything lies. The memory never grows, so that views of it stay valid; src/store/fast-assembler.ts knows the same numbers
// through what index.ts exports. What a window does not reach is never touched, and costs no memory.

/** Spans of one window; the traces in it may be as many. */
export const MOST_SPANS: u32 = 1 << 18;
/** Spans of one trace. */
export const MOST_MEMBERS: u32 = 1 << 14;
/** Services of one trace: a list of more is too slow to be searched. */
export const MOST_SERVICES: u32 = 32;
/** Attributes of all spans of a window. */
export const MOST_ATTRIBUTES: u32 = 1 << 22;

// The window, as in model/assembly.ts and store/pending-spans.ts.
export const TRACE_ID: u32 = 1 << 16;
export const SPAN_ID: u32 = TRACE_ID + MOST_SPANS * 16;
export const PARENT_ID: u32 = SPAN_ID + MOST_SPANS * 8;
export const START: u32 = PARENT_ID + MOST_SPANS * 8;
export const DURATION: u32 = START + MOST_SPANS * 8;
export const KIND: u32 = DURATION + MOST_SPANS * 8;
export const QUIRKS: u32 = KIND + MOST_SPANS;
export const FAILED: u32 = QUIRKS + MOST_SPANS;
export const SERVICE: u32 = FAILED + MOST_SPANS;
export const OPERATION: u32 = SERVICE + MOST_SPANS * 4;
export const RESOURCE: u32 = OPERATION + MOST_SPANS * 4;
export const STATUS: u32 = RESOURCE + MOST_SPANS * 4;
export const ATTRIBUTE_END: u32 = STATUS + MOST_SPANS * 4;
export const ATTRIBUTES: u32 = ATTRIBUTE_END + MOST_SPANS * 4;

// Rows by trace, as in model/trace-groups.ts.
export const TRACE_OF: u32 = ATTRIBUTES + MOST_ATTRIBUTES * 4;
export const FIRST_ROW: u32 = TRACE_OF + MOST_SPANS * 4;
export const LAST_ROW: u32 = FIRST_ROW + MOST_SPANS * 4;
export const ROWS: u32 = LAST_ROW + MOST_SPANS * 4;
export const NEXT: u32 = ROWS + MOST_SPANS * 4;
export const EARLIEST: u32 = NEXT + MOST_SPANS * 4;
/** Traces that may be assembled, by start: the start (u64) and the number of each. */
export const RECORD_BYTES: u32 = 16;
export const ORDER: u32 = EARLIEST + MOST_SPANS * 8;
export const ORDER_SPARE: u32 = ORDER + MOST_SPANS * RECORD_BYTES;
/** Traces by hash of their ids: the number of each, and 1. */
export const SLOTS: u32 = ORDER_SPARE + MOST_SPANS * RECORD_BYTES;
export const UNSETTLED: u32 = SLOTS + MOST_SPANS * 8;

// Spans by position.
export const OUT_ROW: u32 = UNSETTLED + MOST_SPANS * 4;
export const OUT_TRACE_ID: u32 = OUT_ROW + MOST_SPANS * 4;
export const OUT_SPAN_ID: u32 = OUT_TRACE_ID + MOST_SPANS * 16;
export const OUT_PARENT_ID: u32 = OUT_SPAN_ID + MOST_SPANS * 8;
export const OUT_START: u32 = OUT_PARENT_ID + MOST_SPANS * 8;
export const OUT_DURATION: u32 = OUT_START + MOST_SPANS * 8;
export const OUT_SELF: u32 = OUT_DURATION + MOST_SPANS * 8;
export const OUT_PARENTAGE: u32 = OUT_SELF + MOST_SPANS * 8;
export const OUT_COMPONENT: u32 = OUT_PARENTAGE + MOST_SPANS;
export const OUT_LEFT: u32 = OUT_COMPONENT + MOST_SPANS * 4;
export const OUT_RIGHT: u32 = OUT_LEFT + MOST_SPANS * 4;
export const OUT_DEPTH: u32 = OUT_RIGHT + MOST_SPANS * 4;

// Assembled traces.
export const TRACE_FIRST: u32 = OUT_DEPTH + MOST_SPANS * 4;
export const TRACE_SIZE: u32 = TRACE_FIRST + MOST_SPANS * 4;
export const TRACE_START: u32 = TRACE_SIZE + MOST_SPANS * 4;
export const TRACE_DURATION: u32 = TRACE_START + MOST_SPANS * 8;
export const TRACE_ROOT: u32 = TRACE_DURATION + MOST_SPANS * 8;
export const TRACE_ROOTS: u32 = TRACE_ROOT + MOST_SPANS * 4;
export const TRACE_ORPHANS: u32 = TRACE_ROOTS + MOST_SPANS * 4;
export const TRACE_CUTS: u32 = TRACE_ORPHANS + MOST_SPANS * 4;
export const TRACE_FAILED: u32 = TRACE_CUTS + MOST_SPANS * 4;
export const TRACE_COMPLETE: u32 = TRACE_FAILED + MOST_SPANS * 4;
export const TRACE_SHARED: u32 = TRACE_COMPLETE + MOST_SPANS;
export const TRACE_SERVICE_END: u32 = TRACE_SHARED + MOST_SPANS;
export const TRACE_SERVICES: u32 = TRACE_SERVICE_END + MOST_SPANS * 4;

// The trace in hand.
/** Its spans by start: the start (u64) and the row of each. */
export const KEYS: u32 = TRACE_SERVICES + MOST_SPANS * 4;
export const KEYS_SPARE: u32 = KEYS + MOST_MEMBERS * RECORD_BYTES;
/** The same by what assembly must know of each (member.ts). */
export const MEMBER_BYTES: u32 = 64;
export const MEMBERS: u32 = KEYS_SPARE + MOST_MEMBERS * RECORD_BYTES;
/** Members by hash of their ids. */
export const IDS: u32 = MEMBERS + MOST_MEMBERS * MEMBER_BYTES;

/** The first row of each trace in `ROWS`, and where the last trace ends. */
export const FROM: u32 = IDS + MOST_MEMBERS * 8;
export const END: u32 = FROM + (MOST_SPANS + 1) * 4;
