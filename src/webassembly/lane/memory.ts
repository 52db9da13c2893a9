// Where everything lies. The memory never grows, so that views of it stay valid; src/formats/lane/lane.ts knows the same numbers
// through what index.ts exports.

/** Bytes behind a window that may be read, never interpreted. */
export const SLACK: u32 = 64;
export const WINDOW: u32 = 4 << 20;

/** Spans of one run, and what belongs to them. */
export const RUN_SPANS: u32 = 512;
export const RUN_ATTRIBUTES: u32 = 1 << 14;
export const RUN_EVENTS: u32 = 2048;
export const RUN_EVENT_ATTRIBUTES: u32 = 1 << 14;
export const RUN_LINKS: u32 = 1024;
export const RUN_LINK_ATTRIBUTES: u32 = 1 << 13;
/** Attribute keys with higher ids are not for this lane. */
export const KEYS: u32 = 1 << 16;

const BASE: u32 = 1 << 16;
export const JSON_WINDOW: u32 = BASE;
export const PROTO_WINDOW: u32 = JSON_WINDOW + WINDOW + SLACK;

// Columns, as in model/span-batch.ts.
export const TRACE_ID: u32 = PROTO_WINDOW + WINDOW + SLACK;
export const SPAN_ID: u32 = TRACE_ID + RUN_SPANS * 16;
export const PARENT_ID: u32 = SPAN_ID + RUN_SPANS * 8;
export const START: u32 = PARENT_ID + RUN_SPANS * 8;
export const DURATION: u32 = START + RUN_SPANS * 8;
export const OPERATION: u32 = DURATION + RUN_SPANS * 8;
export const STATUS: u32 = OPERATION + RUN_SPANS * 4;
export const ATTRIBUTE_END: u32 = STATUS + RUN_SPANS * 4;
export const ATTRIBUTES: u32 = ATTRIBUTE_END + RUN_SPANS * 4;
export const EVENT_SPAN: u32 = ATTRIBUTES + RUN_ATTRIBUTES * 4;
export const EVENT_TIME: u32 = EVENT_SPAN + RUN_EVENTS * 4;
export const EVENT_NAME: u32 = EVENT_TIME + RUN_EVENTS * 8;
export const EVENT_ATTRIBUTE_END: u32 = EVENT_NAME + RUN_EVENTS * 4;
export const EVENT_ATTRIBUTES: u32 = EVENT_ATTRIBUTE_END + RUN_EVENTS * 4;
export const LINK_SPAN: u32 = EVENT_ATTRIBUTES + RUN_EVENT_ATTRIBUTES * 4;
export const LINK_TRACE_ID: u32 = LINK_SPAN + RUN_LINKS * 4;
export const LINK_SPAN_ID: u32 = LINK_TRACE_ID + RUN_LINKS * 16;
export const LINK_ATTRIBUTE_END: u32 = LINK_SPAN_ID + RUN_LINKS * 8;
export const LINK_ATTRIBUTES: u32 = LINK_ATTRIBUTE_END + RUN_LINKS * 4;
export const RESOURCE: u32 = LINK_ATTRIBUTES + RUN_LINK_ATTRIBUTES * 4;

/** By key: the span that had it last, and where; the same of events and links; and how often spans of this run used it. */
export const SEEN: u32 = RESOURCE + RUN_SPANS * 4;
export const SEEN_AT: u32 = SEEN + KEYS * 4;
export const PART_SEEN: u32 = SEEN_AT + KEYS * 4;
export const PART_SEEN_AT: u32 = PART_SEEN + KEYS * 4;
export const USES: u32 = PART_SEEN_AT + KEYS * 4;

/** Where the host puts the attributes of an event that is written as one text: pairs of key and value. */
export const LIST_PAIRS: u32 = 64;
export const LIST: u32 = USES + KEYS * 4;

/** Where the host puts the value of an attribute, and whether it is worth remembering. */
export const ANSWER: u32 = LIST + LIST_PAIRS * 8;

/** References of the Jaeger span in hand. */
export const REFERENCE_COUNT: u32 = 64;
export const REFERENCE_BYTES: u32 = 40;
export const REFERENCES: u32 = ANSWER + 8;

/** Lengths of Jaeger processes, by how they begin. */
export const LENGTH_SETS: u32 = 256;
export const LENGTHS_OF_SET: u32 = 4;
export const LENGTHS: u32 = REFERENCES + REFERENCE_COUNT * REFERENCE_BYTES;

/** Values that wait for their ids (values.ts). */
export const WAITING_COUNT: u32 = 64;
export const WAITING_BYTES: u32 = 80;
export const WAITING: u32 = (LENGTHS + LENGTH_SETS * LENGTHS_OF_SET * 4 + 63) & ~63;
/** Where a value goes that nobody asked for. */
export const NOWHERE: u32 = WAITING + WAITING_COUNT * WAITING_BYTES;

// The cache of texts. A bucket is four slots, half a line of the processor's cache; what a slot stands for is beside its text in the ring: form
// and length, key, value. Both are no larger than pays: what a processor finds in them at once is worth more than
// what they hold besides (docs/performance.md), for the dictionary of values knows what is forgotten here.
export const BUCKETS: u32 = 1 << 13;
export const BUCKET_BYTES: u32 = 32;
export const SLOTS: u32 = (NOWHERE + 4 + 63) & ~63;
export const ENTRY_HEADER: u32 = 12;
export const RING_BYTES: u32 = 1 << 22;
/** Longer texts are not worth a place. */
export const LONGEST: u32 = 2048;
export const RING: u32 = SLOTS + BUCKETS * BUCKET_BYTES;

// The cache of answers: question, four numbers, two answers, a word that is not used; two of them in a set.
export const ANSWER_SETS: u32 = 1 << 14;
export const ANSWER_BYTES: u32 = 32;
export const ANSWERS: u32 = (RING + RING_BYTES + ENTRY_HEADER + LONGEST + LIST_PAIRS * 8 + SLACK + 63) & ~63;
export const PROCESS_SETS: u32 = 1 << 7;
export const PROCESSES: u32 = ANSWERS + ANSWER_SETS * ANSWER_BYTES * 2;

// Attribute values that are new and that the host has not taken, as in model/span-batch.ts.
export const NEW_COUNT: u32 = 1 << 14;
export const NEW_TEXT_BYTES: u32 = 1 << 20;
/** Longer ones are for the host. */
export const LONGEST_VALUE: u32 = 1 << 16;
export const NEW_KEY: u32 = PROCESSES + PROCESS_SETS * ANSWER_BYTES * 2;
export const NEW_TEXT_END: u32 = NEW_KEY + NEW_COUNT * 4;
export const NEW_TYPE: u32 = NEW_TEXT_END + NEW_COUNT * 4;
export const NEW_TEXT: u32 = NEW_TYPE + NEW_COUNT;

/** Where a value is written that does not stand in the input as it is stored. */
export const DIGITS: u32 = NEW_TEXT + NEW_TEXT_BYTES + SLACK;

/** By key: values that are remembered, and uses by spans of all runs before the one in hand. */
export const DISTINCT: u32 = DIGITS + SLACK;
export const TOTAL_USES: u32 = DISTINCT + KEYS * 4;

// The dictionary of values: slots of hash and place in the arena (0: empty).
export const TABLE_SLOTS: u32 = 1 << 20;
export const TABLE: u32 = (TOTAL_USES + KEYS * 4 + 63) & ~63;
export const ARENA_BYTES: u32 = 1 << 25;
export const ARENA: u32 = TABLE + TABLE_SLOTS * 8;
export const END: u32 = ARENA + ARENA_BYTES + SLACK;
