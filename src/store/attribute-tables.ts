// The two tables behind the view `attribute` (schema/001-initial.sql), for the few who must know them: who writes rows, deletes rows, or
// finds them by their number.

export const ATTRIBUTE_TABLES = ['short_attribute', 'long_attribute'] as const;

/** The first attribute id of a new database; 0 stands for none. */
export const FIRST_ATTRIBUTE_ID = 1;

/**
 * Bytes of the longest text that is stored as it is. Numbers, addresses and random ids in hex (36 bytes as a UUID, 55 as a traceparent)
 * are shorter, of which zstd would hardly save anything; URLs, statements and stack traces are longer.
 */
export const LONGEST_SHORT = 64;

/** Ids of attributes that are asked for at a time: for as many rows DuckDB is told to skip vectors that have none of them. */
export const IDS_AT_A_TIME = 5000;
