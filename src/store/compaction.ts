import { chmodSync, closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import type { Database } from './database.ts';
import { fileBytes } from './storage-size.ts';
import { Store, schemaNames } from './store.ts';
import { DICTIONARIES, type Dictionary, findUnusedIds, tablesOf } from './used-ids.ts';

// A database written anew into a second file, which then takes the first one's name: without free blocks, without rows of
// dictionaries that nothing refers to, and with the traces of all loads in one order. The first file is not touched and stays locked
// until it is replaced, so that whoever kills this at any moment finds it as it was; what was left beside it goes with the next run.

/** What a compaction did, in bytes of the file and its write-ahead log. */
export interface Compacted {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export interface CompactionOptions {
  readonly now: () => Date;
  /** Ends it; the database stays as it was. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: {
    readonly spansWritten: number;
    readonly spans: number;
    /** Bytes of the old file. */
    readonly bytes: number;
  }) => void;
}

/** Bytes that DuckDB may hold in memory: rows that wait to be sorted beyond that go to the disk. */
const MEMORY = 512e6;
/** Spans that are sorted and written at a time: two row groups. */
const PART_SPANS = 245_760;

/**
 * Writes the database in a file anew, traces in order of their start, and closes it. Throws `UserError` where it has something that is
 * not tailspan's, or the disk is full; the database is then as it was.
 */
export async function compact(store: Store, options: CompactionOptions): Promise<Compacted> {
  const { database } = store;
  // A link stays a link, to the new file.
  const path = realpathSync(database.path);
  const bytesBefore = fileBytes(path) + fileBytes(`${path}.wal`);
  const target = `${path}.compacting`;
  try {
    await refuseForeign(database);
    removeTarget(target);
    // What stands in the write-ahead log is in the new file; the log must not outlive the old one.
    await database.run('CHECKPOINT; PRAGMA disable_checkpoint_on_shutdown');
    (await Store.open({ path: target, now: options.now })).close();
    await database.limitMemory(MEMORY);
    await database.run(`SET temp_directory = ${quoted(`${target}.tmp`)}`);
    await database.run(`ATTACH ${quoted(target)} AS compacted`);
    await writeAnew(database, options);
    await database.run('CHECKPOINT compacted; DETACH compacted');
    chmodSync(target, statSync(path).mode & 0o777);
    options.signal?.throwIfAborted();
    renameSync(target, path);
    syncFolder(dirname(path));
  } catch (error) {
    store.close();
    removeTarget(target);
    throw explain(database.path, error);
  }
  store.close();
  rmSync(`${target}.tmp`, { recursive: true, force: true });
  return { bytesBefore, bytesAfter: fileBytes(path) };
}

async function writeAnew(database: Database, { signal, onProgress }: CompactionOptions): Promise<void> {
  const unused = await findUnusedIds(database);
  const spans = Number(await database.value('SELECT count(*) FROM span'));
  const bytes = fileBytes(database.path);
  await database.run(`
    CREATE TEMP TABLE placed AS
    SELECT trace_id, first_span_no, span_count,
      (1 + sum(span_count) OVER (ORDER BY start_ns, trace_id ROWS UNBOUNDED PRECEDING) - span_count)::BIGINT AS new_first_span_no
    FROM trace`);
  await database.run('BEGIN TRANSACTION');
  await database.run(`
    INSERT INTO compacted.meta FROM meta WHERE key <> 'schema_version';
    INSERT INTO compacted.ingest FROM ingest;
    INSERT INTO compacted.ingest_issue FROM ingest_issue`);
  for (const dictionary of Object.keys(DICTIONARIES) as Dictionary[]) {
    const dropped = unused.find(ids => ids.dictionary === dictionary);
    const where = dropped === undefined ? '' : `WHERE ${dropped.column} NOT IN (FROM ${dropped.ids})`;
    for (const table of tablesOf(dictionary)) {
      await database.run(`INSERT INTO compacted."${table}" FROM "${table}" ${where}`);
    }
  }
  for (let from = 1; from <= spans; from += PART_SPANS) {
    signal?.throwIfAborted();
    onProgress?.({ spansWritten: from - 1, spans, bytes });
    await writePart(database, from);
  }
  await database.run(`
    INSERT INTO compacted.trace
    SELECT t.* REPLACE (
      new_first_span_no AS first_span_no,
      t.root_span_no - t.first_span_no + new_first_span_no AS root_span_no
    )
    FROM trace t JOIN placed USING (trace_id) ORDER BY new_first_span_no`);
  await database.run('COMMIT');
  const [counts = {}] = await database.rows(`
    SELECT (SELECT count(*) FROM compacted.span) AS spans, (SELECT count(*) FROM compacted.trace) AS traces,
      (SELECT count(*) FROM trace) AS old_traces`);
  // A database of which a span has no trace, or two, is not one that this program wrote.
  if (Number(counts.spans) !== spans || counts.traces !== counts.old_traces) {
    throw new UserError(`${database.path} is damaged: its spans and its traces do not belong together`, {
      hint: 'load the dumps again into a new database (--db)',
    });
  }
}

/** Writes the spans whose new numbers begin at `from`, with their events and links; a trace is in one part. */
async function writePart(database: Database, from: number): Promise<void> {
  await database.run(`
    CREATE OR REPLACE TEMP TABLE part AS
    FROM placed WHERE new_first_span_no BETWEEN ${from} AND ${from + PART_SPANS - 1}`);
  const [range = {}] = await database.rows(
    'SELECT min(first_span_no) AS first, max(first_span_no + span_count) - 1 AS last FROM part',
  );
  // None where one trace fills several parts.
  if (range.first === null) return;
  const isNear = `span_no BETWEEN ${range.first} AND ${range.last}`;
  await database.run(`
    CREATE OR REPLACE TEMP TABLE renumbered AS
    SELECT span_no, new_first_span_no + (span_no - first_span_no) AS new_span_no
    FROM (SELECT span_no, trace_id FROM span WHERE ${isNear}) JOIN part USING (trace_id);
    INSERT INTO compacted.span
    SELECT s.* REPLACE (new_span_no AS span_no)
    FROM (FROM span WHERE ${isNear}) s JOIN renumbered USING (span_no) ORDER BY new_span_no`);
  for (const table of ['event', 'link']) {
    await database.run(`
      INSERT INTO compacted.${table}
      SELECT * EXCLUDE (place) FROM (
        SELECT part.* REPLACE (new_span_no AS span_no)
        FROM (SELECT rowid AS place, * FROM ${table} WHERE ${isNear}) part JOIN renumbered USING (span_no)
      ) ORDER BY span_no, place`);
  }
}

/** Throws where there is something in a database that compacting would lose. */
async function refuseForeign(database: Database): Promise<void> {
  const own = schemaNames().map(quoted).join(', ');
  const isHere = 'NOT internal AND database_name = current_database()';
  const foreign = await database.rows(`
    SELECT 'table' AS what, table_name AS name FROM duckdb_tables()
    WHERE ${isHere} AND NOT temporary AND (table_name NOT IN (${own}) OR schema_name <> 'main')
    UNION ALL SELECT 'view', view_name FROM duckdb_views()
    WHERE ${isHere} AND NOT temporary AND (view_name NOT IN (${own}) OR schema_name <> 'main')
    UNION ALL SELECT 'macro', function_name FROM duckdb_functions() WHERE ${isHere}
    UNION ALL SELECT 'type', type_name FROM duckdb_types() WHERE ${isHere}
    UNION ALL SELECT 'sequence', sequence_name FROM duckdb_sequences() WHERE database_name = current_database()
    UNION ALL SELECT 'index', index_name FROM duckdb_indexes() WHERE database_name = current_database()
    ORDER BY ALL`);
  const [first] = foreign;
  if (first === undefined) return;
  const others = foreign.length === 1 ? '' : ` and ${foreign.length - 1} more`;
  throw new UserError(`${database.path} holds the ${first.what} ${first.name}${others}, which compacting would lose`, {
    hint: 'move what is yours to another database first, or drop it: tailspan sql --write',
  });
}

function removeTarget(target: string): void {
  for (const file of [target, `${target}.wal`]) rmSync(file, { force: true });
  rmSync(`${target}.tmp`, { recursive: true, force: true });
}

/** Makes a renamed file stay renamed when the power fails. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Turns what the disk refuses into a sentence. */
function explain(path: string, error: unknown): unknown {
  const message = error instanceof Error ? error.message : '';
  if (/No space left|ENOSPC|Disk quota|File too large|failed to offload/i.test(message)) {
    return new UserError(`there is not enough room on the disk to compact ${path}; it is as it was`, {
      hint: 'the new file is written beside the old one and is about as large: make room, or drop traces: tailspan db prune',
      cause: error,
    });
  }
  if (/permission denied|EACCES|EPERM|EROFS|read-only file system/i.test(message)) {
    return new UserError(`the folder of ${path} may not be written, so it cannot be compacted`, {
      hint: 'the new file is written beside the old one: allow writing there, or copy the database elsewhere',
      cause: error,
    });
  }
  return error;
}
