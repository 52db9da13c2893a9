import { ATTRIBUTE_TABLES } from './attribute-tables.ts';
import type { Database } from './database.ts';
import type { Queryable } from './queryable.ts';
import { storageSize, usedBytes } from './storage-size.ts';
import { schemaTables } from './store.ts';
import { findUnusedIds, tablesOf } from './used-ids.ts';

// What makes room: whole traces go, those that ended longest ago first, and then whatever of the dictionaries nothing refers to
// any more.
//
// What DuckDB gives back, and when: a deleted row only carries a mark; a checkpoint frees the blocks of a row group (122,880
// rows) of which all rows are deleted, merges neighbours where that leaves fewer of them, and cuts free blocks off at the end of
// the file. Free blocks before the end stay, and what comes next is written into the first of them. So a file under a steady flow
// stays as large as it is; one that shrinks to less than half is written anew within itself.

/** What is kept. Traces for which either limit says so go. */
export interface RetentionLimits {
  /** Traces go that ended before this time, in nanoseconds since the Unix epoch. */
  readonly endedBefore?: bigint | undefined;
  /** Bytes that the database file is to take at most. */
  readonly maxBytes?: number | undefined;
}

/** What a pruning did. */
export interface Pruned {
  /** Traces dropped. */
  readonly traces: number;
  /** Their spans. */
  readonly spans: number;
  /** Bytes by which the file and its write-ahead log became smaller. */
  readonly freedBytes: number;
  /** Size of the file now. */
  readonly fileBytes: number;
  /** Bytes of the file that are free for what comes next. */
  readonly freeBytes: number;
}

/** How far the traces of a size limit go. */
interface Fit {
  /** Traces go once more bytes than this are used. */
  readonly fromBytes: number;
  /** They go until so many are. */
  readonly toBytes: number;
  /** The file is written anew afterwards, so that what is deleted need not be freed yet. */
  readonly isRewritten: boolean;
}

interface Dropped {
  readonly traces: number;
  readonly spans: number;
}

/** Bytes of the file that DuckDB needs besides while it frees: it writes what it merges before it gives up what was there. */
const MERGING_BYTES = 24e6;
/** Bytes that go at a time, so that it is not done for every trace. */
const DROPPED_BYTES = 64e6;
/**
 * The share of deleted rows from which on a database is written anew. In a small one that is better than to drop more traces until a row
 * group is empty. A large one comes to it only where traces of one time lie far apart, as loads that overlap leave them.
 */
const WORTH_REWRITING = { small: 0.05, large: 0.25 };
/** Spans from which on a database is large: a row group is a quarter of it, and to write it anew takes half a second. */
const LARGE = 500_000;
/** Deleted spans of a large database that are not freed yet. With more of them, dropping more does not free any: others are reading. */
const MOST_DELETED = 184_320;
/** The share of a file that may be free behind writing it anew. */
const MOST_FREE = 0.125;
/** The share of the spans from which on it is worth dropping what ended before a time. */
const LEAST_DUE = 0.01;
/** The least share of the spans that goes at a time: each time costs a look at all of them. */
const LEAST_DROPPED = 0.02;
/** Bytes that the tables take with a single span: each column has blocks of its own. */
const TABLE_BYTES = 4e6;
/** Tables that are written anew by themselves. */
const LARGE_TABLES: readonly string[] = ['span', ...ATTRIBUTE_TABLES];

const NONE: Dropped = { traces: 0, spans: 0 };

/**
 * Drops the oldest traces of a database into which spans keep coming, between two transactions. Of `maxBytes` some is left free,
 * so that the next spans find room in the file; of less than 4 MB nothing is left, for so much the tables take with a single span.
 * While other connections of this process read, what they read is not freed: that happens at the first commit after them.
 * Ids of dictionaries go with their rows: who holds some (a `Loader`'s dictionaries, its producers) must read them anew. Looks
 * at all spans where something is dropped, at hardly anything else.
 */
export async function prune(database: Database, { endedBefore, maxBytes }: RetentionLimits): Promise<Pruned> {
  if (maxBytes === undefined) return dropOldest(database, endedBefore, undefined);
  const fromBytes = mostUsed(maxBytes);
  const toBytes = fromBytes - Math.min(fromBytes / 10, DROPPED_BYTES);
  const pruned = await dropOldest(database, endedBefore, { fromBytes, toBytes, isRewritten: false });
  // What was stored before there was a limit, or under a larger one, has left a file that is mostly free.
  const isOversized = pruned.fileBytes > maxBytes && pruned.freeBytes > pruned.fileBytes / 2;
  if (!isOversized || !(await rewrite(database))) return pruned;
  const { fileBytes, freeBytes } = await storageSize(database);
  const freedBytes = pruned.freedBytes + Math.max(0, pruned.fileBytes - fileBytes);
  return { ...pruned, freedBytes, fileBytes, freeBytes };
}

/**
 * As `prune`, for a database that is compacted next: traces go only while more than `maxBytes` are used, as far as that can be told
 * before. Where the file is larger afterwards, do both again.
 */
export async function pruneBeforeCompaction(
  database: Database,
  { endedBefore, maxBytes }: RetentionLimits,
): Promise<Pruned> {
  const fit = maxBytes === undefined ? undefined : { fromBytes: maxBytes, toBytes: maxBytes, isRewritten: true };
  return dropOldest(database, endedBefore, fit);
}

/**
 * Says whether `prune` would drop enough to be worth its time: where what ended before the time has a hundredth of all spans, or the
 * size is nearly reached. Asks hardly anything of the database.
 */
export async function isPruningDue(database: Queryable, { endedBefore, maxBytes }: RetentionLimits): Promise<boolean> {
  if (maxBytes !== undefined && database.path !== ':memory:') {
    const size = await storageSize(database);
    if (usedBytes(size) + size.walBytes > mostUsed(maxBytes)) return true;
  }
  if (endedBefore === undefined) return false;
  const [row = {}] = await database.rows(`
    SELECT coalesce(sum(span_count), 0)::BIGINT AS spans,
      coalesce(sum(span_count) FILTER (start_ns + duration_ns < ${endedBefore}), 0)::BIGINT AS due
    FROM trace`);
  return Number(row.due) > 0 && Number(row.due) >= Number(row.spans) * LEAST_DUE;
}

/** Returns what would go, without dropping it; of a size limit about that, for how much each trace takes is not known. */
export async function countPrunable(
  database: Queryable,
  { endedBefore, maxBytes }: RetentionLimits,
): Promise<Dropped & { readonly endTimeUnixNano: bigint | undefined }> {
  const size = await storageSize(database);
  const spans = Number(await database.value('SELECT coalesce(sum(span_count), 0)::BIGINT FROM trace'));
  const excess = maxBytes === undefined ? 0 : shareBeyond(usedBytes(size), maxBytes);
  const wanted = [
    ...(endedBefore === undefined ? [] : [endedBeforeSql(endedBefore)]),
    ...(excess === 0 ? [] : [oldestSql(Math.ceil(spans * excess))]),
  ];
  if (wanted.length === 0) return { ...NONE, endTimeUnixNano: undefined };
  const [row = {}] = await database.rows(`
    SELECT count(*) AS traces, coalesce(sum(span_count), 0)::BIGINT AS spans, max(start_ns + duration_ns) AS last
    FROM (${wanted.join(' UNION ')})`);
  return {
    traces: Number(row.traces),
    spans: Number(row.spans),
    endTimeUnixNano: typeof row.last === 'bigint' ? row.last : undefined,
  };
}

/** Returns about how many bytes smaller the file would be if it were written anew, without what is free or deleted. */
export async function reclaimableBytes(database: Queryable): Promise<number> {
  const size = await storageSize(database);
  const { deletedShare } = await rowCounts(database);
  return size.freeBytes + Math.max(0, usedBytes(size) - TABLE_BYTES) * deletedShare;
}

async function dropOldest(database: Database, endedBefore: bigint | undefined, fit: Fit | undefined): Promise<Pruned> {
  const before = await storageSize(database);
  let dropped = endedBefore === undefined ? NONE : await drop(database, endedBeforeSql(endedBefore));
  if (dropped.traces > 0) await checkpoint(database);
  // A database in memory has no size of its own.
  if (fit !== undefined && database.path !== ':memory:') {
    dropped = sumOf(dropped, await dropUntilItFits(database, fit));
  }
  const { fileBytes, walBytes, freeBytes } = await storageSize(database);
  const freedBytes = Math.max(0, before.fileBytes + before.walBytes - fileBytes - walBytes);
  return { ...dropped, freedBytes, fileBytes, freeBytes };
}

/** Drops oldest traces until so many bytes are used; measures what each round has freed. */
async function dropUntilItFits(database: Database, { fromBytes, toBytes, isRewritten }: Fit): Promise<Dropped> {
  const before = await storageSize(database);
  if (usedBytes(before) + before.walBytes <= fromBytes) return NONE;
  // What the log holds takes less in the file.
  await checkpoint(database);
  let dropped = NONE;
  for (let limit = fromBytes; ; limit = toBytes) {
    const used = usedBytes(await storageSize(database));
    const { spans, storedSpans, deletedShare } = await rowCounts(database);
    const usedByKept = used - Math.max(0, used - tableBytes(toBytes)) * deletedShare;
    if (used <= limit || (isRewritten && usedByKept <= limit)) return dropped;
    let share = shareBeyond(usedByKept, toBytes);
    if (share === 0 || spans === 0) {
      // Enough has gone, but it is not freed.
      const isLarge = storedSpans >= LARGE;
      if (deletedShare >= (isLarge ? WORTH_REWRITING.large : WORTH_REWRITING.small)) {
        if (isRewritten || !(await rewrite(database))) return dropped;
        continue;
      }
      if (spans === 0 || !isLarge || storedSpans - spans >= MOST_DELETED) return dropped;
      share = LEAST_DROPPED;
    }
    dropped = sumOf(dropped, await drop(database, oldestSql(Math.ceil(spans * Math.max(share, LEAST_DROPPED)))));
    await checkpoint(database);
  }
}

/** Returns how many bytes may be used of a file that is to stay below a limit. */
function mostUsed(maxBytes: number): number {
  return maxBytes - Math.min(maxBytes / 4, MERGING_BYTES);
}

/** Returns the share of the spans that must go so that a database that takes so many bytes takes at most `limit`. */
function shareBeyond(bytes: number, limit: number): number {
  return bytes <= limit ? 0 : (bytes - limit) / (bytes - tableBytes(limit));
}

/** Returns what of a database does not become less with its spans; of a very small limit half is left to these. */
function tableBytes(limit: number): number {
  return Math.min(TABLE_BYTES, limit / 2);
}

function sumOf(a: Dropped, b: Dropped): Dropped {
  return { traces: a.traces + b.traces, spans: a.spans + b.spans };
}

const TRACE_COLUMNS = 'trace_id, first_span_no, span_count, start_ns, duration_ns';

/** The traces that ended before a time. */
function endedBeforeSql(time: bigint): string {
  return `SELECT ${TRACE_COLUMNS} FROM trace WHERE start_ns + duration_ns < ${time}`;
}

/** The traces that ended first and have together at least so many spans, or all. */
function oldestSql(spans: number): string {
  return `
    SELECT ${TRACE_COLUMNS} FROM (
      SELECT *, sum(span_count) OVER (ORDER BY start_ns + duration_ns, trace_id ROWS UNBOUNDED PRECEDING) AS spans_so_far
      FROM trace
    ) WHERE spans_so_far - span_count < ${spans}`;
}

/** Drops the traces that a query of `TRACE_COLUMNS` selects, with all that only they refer to, in one transaction. */
async function drop(database: Database, selection: string): Promise<Dropped> {
  await database.run('BEGIN TRANSACTION');
  try {
    await database.run(`CREATE OR REPLACE TEMP TABLE doomed AS ${selection}`);
    const [row = {}] = await database.rows(`
      SELECT count(*) AS traces, coalesce(sum(span_count), 0)::BIGINT AS spans, min(first_span_no) AS first_span_no,
        max(first_span_no + span_count) - 1 AS last_span_no
      FROM doomed`);
    if (row.traces !== 0n) {
      // The oldest mostly lie together: the range spares a look at the others.
      const isNear = `span_no BETWEEN ${row.first_span_no} AND ${row.last_span_no}`;
      const isDoomed = `${isNear} AND trace_id IN (SELECT trace_id FROM doomed)`;
      await database.run(`
        DELETE FROM event WHERE ${isNear} AND span_no IN (SELECT span_no FROM span WHERE ${isDoomed});
        DELETE FROM link WHERE ${isNear} AND span_no IN (SELECT span_no FROM span WHERE ${isDoomed});
        DELETE FROM span WHERE ${isDoomed};
        DELETE FROM trace WHERE trace_id IN (SELECT trace_id FROM doomed)`);
      for (const { dictionary, column, ids } of await findUnusedIds(database)) {
        for (const table of tablesOf(dictionary)) {
          await database.run(`DELETE FROM "${table}" WHERE ${column} IN (FROM ${ids})`);
        }
        await database.run(`DROP TABLE ${ids}`);
      }
    }
    await database.run('DROP TABLE doomed; COMMIT');
    return { traces: Number(row.traces), spans: Number(row.spans) };
  } catch (error) {
    await database.run('ROLLBACK');
    throw error;
  }
}

interface RowCounts {
  readonly spans: number;
  /** Those included that are deleted, but not freed. */
  readonly storedSpans: number;
  /** How much of what is stored is deleted, but not freed: the share of the spans, or of the attributes if that is larger. */
  readonly deletedShare: number;
}

async function rowCounts(database: Queryable): Promise<RowCounts> {
  const [row = {}] = await database.rows(`
    SELECT (SELECT count(*) FROM span) AS spans, (SELECT count(*) FROM attribute) AS attributes,
      max(estimated_size) FILTER (table_name = 'span') AS stored_spans,
      sum(estimated_size) FILTER (table_name IN (${tablesOf('attribute')
        .map(table => `'${table}'`)
        .join(', ')}))::BIGINT AS stored_attributes
    FROM duckdb_tables() WHERE NOT internal AND NOT temporary AND database_name = current_database()`);
  const spans = Number(row.spans);
  const storedSpans = Number(row.stored_spans);
  const storedAttributes = Number(row.stored_attributes);
  const deletedSpans = storedSpans === 0 ? 0 : 1 - spans / storedSpans;
  const deletedAttributes = storedAttributes === 0 ? 0 : 1 - Number(row.attributes) / storedAttributes;
  return { spans, storedSpans, deletedShare: Math.max(deletedSpans, deletedAttributes) };
}

/**
 * Frees what committed transactions have deleted, as far as nobody reads it. Returns false where nothing could be written, because
 * another connection reads what was there before a table was written anew.
 */
async function checkpoint(database: Database): Promise<boolean> {
  try {
    await database.run('CHECKPOINT');
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes('Cannot CHECKPOINT')) return false;
    throw error;
  }
}

/**
 * Writes the whole database anew within its file, the large tables one by one, so that only what is kept takes room. Returns
 * whether it could be done: not while another connection reads. While it goes on the file may be larger by the largest table.
 */
async function rewrite(database: Database): Promise<boolean> {
  const small = schemaTables().filter(({ name }) => !LARGE_TABLES.includes(name));
  const large = schemaTables().filter(({ name }) => LARGE_TABLES.includes(name));
  // A table for which the free blocks did not suffice stands at the end of the file: the second time there are enough before it.
  for (let time = 0; time < 2; time++) {
    // The small ones come first, for it is with them that it shows whether somebody reads; and last, since what one checkpoint
    // frees at the end of the file the next one cuts off.
    for (const tables of [small, ...large.map(table => [table]), small]) {
      await rewriteTables(database, tables);
      if (!(await checkpoint(database))) return false;
    }
    const { fileBytes, freeBytes } = await storageSize(database);
    if (freeBytes <= fileBytes * MOST_FREE) break;
  }
  return true;
}

/** Writes the rows of some tables anew, in the order in which they are, into the first free blocks. */
async function rewriteTables(database: Database, tables: ReturnType<typeof schemaTables>): Promise<void> {
  await database.run('BEGIN TRANSACTION');
  try {
    for (const { name, columns } of tables) {
      await database.run(`
        CREATE TABLE rewritten ${columns};
        INSERT INTO rewritten FROM "${name}";
        DROP TABLE "${name}";
        ALTER TABLE rewritten RENAME TO "${name}"`);
    }
    await database.run('COMMIT');
  } catch (error) {
    await database.run('ROLLBACK');
    throw error;
  }
}
