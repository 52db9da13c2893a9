import type { Assembly } from '../model/assembled-columns.ts';
import { Quirk, type SpanColumns } from '../model/span-batch.ts';
import { TableAppender } from './appender.ts';
import type { ColumnChunk } from './column-chunk.ts';
import type { Database } from './database.ts';
import type { Dictionaries } from './dictionaries.ts';
import type { FastAssembler } from './fast-assembler.ts';
import { Growing, PendingSpans } from './pending-spans.ts';
import { type SpanWriter, setInteger } from './span-writer.ts';

// The second look at traces that could not be finished in passing: those whose spans came in several goes (far apart in a
// source, or in several loads), those with several spans of one id, and Zipkin traces whose id stands in its short and its
// long form. Exact duplicates are dropped here, and the traces assembled again from what is stored.

/** Spans that are assembled at a time. */
const PART_SPANS = 250_000;

export interface ReassemblyResult {
  /** Traces that have spans from `firstSpanNo` on, those included that were there already. */
  readonly traces: number;
  /** Spans that were there already, dropped. */
  readonly duplicates: number;
  /** Spans that share their id with a different span, kept. */
  readonly sharedIds: number;
}

/**
 * Looks again at traces that have a row in `trace` from `firstSpanNo` on and another one, and at those of `flagged`
 * (trace ids as decimal integers). All appenders must be flushed.
 */
export async function reassemble(
  database: Database,
  dictionaries: Dictionaries,
  writer: SpanWriter,
  assembler: FastAssembler,
  firstSpanNo: number,
  flagged: readonly string[],
  hasZipkin: boolean,
): Promise<ReassemblyResult> {
  if (hasZipkin) await joinShortIds(database, firstSpanNo);
  const [counts = {}] = await database.rows(
    `SELECT count(*) AS rows, count(DISTINCT trace_id) AS traces FROM trace WHERE first_span_no >= ${firstSpanNo}`,
  );
  const traces = Number(counts.traces);
  // Where nothing was stored before, all rows have been counted.
  if (firstSpanNo === 1 && counts.rows === counts.traces && flagged.length === 0) {
    return { traces, duplicates: 0, sharedIds: 0 };
  }
  await database.run(`
    CREATE OR REPLACE TEMP TABLE unfinished AS
    SELECT trace_id FROM trace
    WHERE trace_id IN (SELECT trace_id FROM trace WHERE first_span_no >= ${firstSpanNo})
    GROUP BY trace_id HAVING count(*) > 1`);
  if (flagged.length > 0) {
    await database.run(`
      INSERT INTO unfinished
      SELECT trace_id FROM (${traceIdList(flagged)}) WHERE trace_id NOT IN (FROM unfinished)`);
  }
  const count = await database.value('SELECT count(*) FROM unfinished');
  if (count === 0n) {
    await database.run('DROP TABLE unfinished');
    return { traces, duplicates: 0, sharedIds: 0 };
  }
  await database.run('CREATE OR REPLACE TEMP TABLE renumbered (old BIGINT, new BIGINT)');
  let duplicates = await dropDuplicates(database);
  if (duplicates > 0) await leaveUnchanged(database, firstSpanNo);
  const { sharing, decided } = await assembleAll(database, dictionaries, writer, assembler);
  // Spans are equal now that were different before, if it was assembly that gave them their ids or starts.
  for (let again = decided; again.length > 0; ) {
    await setUnfinished(database, again);
    const dropped = await dropDuplicates(database);
    if (dropped === 0) break;
    duplicates += dropped;
    const outcome = await assembleAll(database, dictionaries, writer, assembler);
    for (const id of outcome.sharing) sharing.add(id);
    again = outcome.decided;
  }
  await setUnfinished(database, [...sharing]);
  const sharedIds = Number(await database.value(`SELECT count(*) FROM (${SHARING_IDS})`));
  await database.run('DROP TABLE unfinished');
  await database.run('DROP TABLE renumbered');
  return { traces, duplicates, sharedIds };
}

/** Takes traces of which nothing new is left out of `unfinished`: they are as they were. */
async function leaveUnchanged(database: Database, firstSpanNo: number): Promise<void> {
  await database.run(`
    CREATE OR REPLACE TEMP TABLE unchanged AS
    SELECT trace_id FROM unfinished WHERE trace_id NOT IN (SELECT trace_id FROM span WHERE span_no >= ${firstSpanNo});
    DELETE FROM trace WHERE first_span_no >= ${firstSpanNo} AND trace_id IN (FROM unchanged);
    DELETE FROM unfinished WHERE trace_id IN (FROM unchanged);
    DROP TABLE unchanged`);
}

async function setUnfinished(database: Database, ids: readonly string[]): Promise<void> {
  await database.run(`CREATE OR REPLACE TEMP TABLE unfinished AS ${traceIdList(ids)}`);
}

/** A query of the trace ids, given as decimal integers. */
function traceIdList(ids: readonly string[]): string {
  return `SELECT DISTINCT unnest([${ids.map(id => `'${id}'`).join(',')}]::UHUGEINT[]) AS trace_id`;
}

/** Gives spans of a Zipkin trace whose id stands in its short form the long form, where there is one. */
async function joinShortIds(database: Database, firstSpanNo: number): Promise<void> {
  const low = '18446744073709551615::UHUGEINT';
  await database.run(`
    CREATE OR REPLACE TEMP TABLE alike_id AS
    SELECT s.trace_id AS short, l.trace_id AS long
    FROM trace s JOIN trace l ON s.trace_id = (l.trace_id & ${low})
    WHERE s.trace_id <= ${low} AND l.trace_id > ${low}
      AND (s.first_span_no >= ${firstSpanNo} OR l.first_span_no >= ${firstSpanNo})`);
  if ((await database.value('SELECT count(*) FROM alike_id')) !== 0n) {
    // Ids of other formats are as long as they say.
    const zipkin = `SELECT trace_id FROM span JOIN operation USING (operation_id) WHERE (quirks & ${Quirk.sharedParent}) <> 0`;
    await database.run(`
      CREATE OR REPLACE TEMP TABLE short_id AS
      SELECT short, min(long) AS long FROM alike_id WHERE short IN (${zipkin}) AND long IN (${zipkin}) GROUP BY short;
      UPDATE span SET trace_id = long FROM short_id WHERE span.trace_id = short;
      UPDATE trace SET trace_id = long FROM short_id WHERE trace.trace_id = short;
      DROP TABLE short_id`);
  }
  await database.run('DROP TABLE alike_id');
}

/** The spans of `unfinished` that share their id with another one of their trace. */
const SHARING_IDS = `
  SELECT * FROM span SEMI JOIN unfinished USING (trace_id)
  QUALIFY count(*) OVER (PARTITION BY trace_id, span_id) > 1`;

/**
 * Drops spans that equal another one in id and content; the one stored first stays. Dictionaries may have several ids
 * for one content, so an id is taken for the first one that means the same. Returns how many spans were dropped.
 */
async function dropDuplicates(database: Database): Promise<number> {
  await database.run(`CREATE OR REPLACE TEMP TABLE candidate AS ${SHARING_IDS}`);
  const candidates = Number(await database.value('SELECT count(*) FROM candidate'));
  if (candidates === 0) {
    await database.run('DROP TABLE candidate');
    return 0;
  }
  await database.run(`
    CREATE OR REPLACE TEMP TABLE candidate_event AS
      SELECT row_number() OVER () AS part_no, e.* FROM event e SEMI JOIN candidate USING (span_no);
    CREATE OR REPLACE TEMP TABLE candidate_link AS
      SELECT row_number() OVER () AS part_no, l.* FROM link l SEMI JOIN candidate USING (span_no);
    CREATE OR REPLACE TEMP TABLE candidate_resource AS
      SELECT * FROM resource WHERE resource_id IN (SELECT resource_id FROM candidate);
    CREATE OR REPLACE TEMP TABLE candidate_scope AS
      SELECT * FROM scope
      WHERE scope_id IN (SELECT scope_id FROM operation WHERE operation_id IN (SELECT operation_id FROM candidate));
    CREATE OR REPLACE TEMP TABLE same_attribute AS
      SELECT attribute_id, min(attribute_id) OVER (PARTITION BY k.name, a.type, a.value) AS same
      FROM attribute a JOIN key k USING (key_id)
      WHERE attribute_id IN (
        SELECT unnest(attribute_ids) FROM candidate UNION SELECT unnest(attribute_ids) FROM candidate_event
        UNION SELECT unnest(attribute_ids) FROM candidate_link UNION SELECT unnest(attribute_ids) FROM candidate_resource
        UNION SELECT unnest(attribute_ids) FROM candidate_scope
      )`);
  await database.run(`
    CREATE OR REPLACE TEMP TABLE duplicate AS
    WITH
      span_attribute AS (${sameAttributes('candidate', 'span_no')}),
      event_attribute AS (${sameAttributes('candidate_event', 'part_no')}),
      link_attribute AS (${sameAttributes('candidate_link', 'part_no')}),
      resource_attribute AS (${sameAttributes('candidate_resource', 'resource_id')}),
      scope_attribute AS (${sameAttributes('candidate_scope', 'scope_id')}),
      span_event AS (
        SELECT span_no, list_sort(list({time: time_ns, name: n.name, attributes: same_ids})) AS events
        FROM candidate_event JOIN event_name n USING (name_id) LEFT JOIN event_attribute USING (part_no) GROUP BY span_no
      ),
      span_link AS (
        SELECT span_no, list_sort(list({trace: l.trace_id, span: l.span_id, attributes: same_ids})) AS links
        FROM candidate_link l LEFT JOIN link_attribute USING (part_no) GROUP BY span_no
      ),
      same_resource AS (
        SELECT resource_id, dense_rank() OVER (ORDER BY v.name, same_ids) AS same_resource
        FROM candidate_resource JOIN service v USING (service_id) LEFT JOIN resource_attribute USING (resource_id)
      ),
      same_scope AS (
        SELECT scope_id, dense_rank() OVER (ORDER BY name, version, same_ids) AS same_scope
        FROM candidate_scope LEFT JOIN scope_attribute USING (scope_id)
      )
    SELECT span_no FROM (
      SELECT s.span_no, row_number() OVER (
        PARTITION BY s.trace_id, s.span_id, s.parent_id, s.start_ns, s.duration_ns, o.name, o.kind, o.flags,
          same_scope, same_resource, t.code, t.message, same_ids, events, links
        ORDER BY s.span_no
      ) AS copy
      FROM candidate s
      JOIN operation o USING (operation_id)
      JOIN same_scope USING (scope_id)
      JOIN same_resource USING (resource_id)
      JOIN status t USING (status_id)
      LEFT JOIN span_attribute USING (span_no)
      LEFT JOIN span_event USING (span_no)
      LEFT JOIN span_link USING (span_no)
    ) WHERE copy > 1`);
  const duplicates = Number(await database.value('SELECT count(*) FROM duplicate'));
  for (const table of ['span', 'event', 'link']) {
    await database.run(`DELETE FROM ${table} WHERE span_no IN (FROM duplicate)`);
  }
  const made = ['', '_event', '_link', '_resource', '_scope'].map(of => `candidate${of}`);
  for (const table of [...made, 'same_attribute', 'duplicate']) await database.run(`DROP TABLE ${table}`);
  return duplicates;
}

/** The attributes of each row of a table that has some, as a sorted list of ids that are equal for equal attributes. */
function sameAttributes(table: string, key: string): string {
  return `
    SELECT ${key}, list(same ORDER BY same) AS same_ids
    FROM (SELECT ${key}, unnest(attribute_ids) AS attribute_id FROM ${table}) JOIN same_attribute USING (attribute_id)
    GROUP BY ${key}`;
}

const STORED_COLUMNS = `trace_id, span_id, parent_id, start_ns, duration_ns, operation_id, resource_id, status_id, attribute_ids, span_no`;

/** Traces in which several spans have one id. */
interface Outcome {
  readonly sharing: Set<string>;
  /** Those of them in which ids or starts were not told. */
  readonly decided: string[];
}

/** Assembles all traces of `unfinished` again. */
async function assembleAll(
  database: Database,
  dictionaries: Dictionaries,
  writer: SpanWriter,
  assembler: FastAssembler,
): Promise<Outcome> {
  const spans = Number(await database.value('SELECT count(*) FROM span SEMI JOIN unfinished USING (trace_id)'));
  const parts = Math.max(1, Math.ceil(spans / PART_SPANS));
  const outcome: Outcome = { sharing: new Set(), decided: [] };
  for (let part = 0; part < parts; part++) {
    await assemblePart(database, dictionaries, writer, assembler, `hash(trace_id) % ${parts} = ${part}`, outcome);
  }
  return outcome;
}

async function assemblePart(
  database: Database,
  dictionaries: Dictionaries,
  writer: SpanWriter,
  assembler: FastAssembler,
  isInPart: string,
  outcome: Outcome,
): Promise<void> {
  const pending = new PendingSpans();
  const oldNumbers = new Growing(size => new Uint32Array(size));
  const sql = `
    SELECT ${STORED_COLUMNS} FROM span SEMI JOIN unfinished USING (trace_id) WHERE ${isInPart} ORDER BY span_no`;
  for await (const chunk of database.scan(sql)) {
    const from = pending.count;
    pending.addSpans(columnsOf(chunk), dictionaries);
    oldNumbers.reserve(pending.count * 2).set(chunk.words(9, 8), from * 2);
  }
  const input = pending.assemblyInput;
  const assembly = assembler.assemble(input);
  const first = writer.nextSpanNo;
  // The old rows go before the new ones come, so that neither sees the other.
  await database.run(`
    DELETE FROM span WHERE ${isInPart} AND trace_id IN (FROM unfinished);
    DELETE FROM trace WHERE ${isInPart} AND trace_id IN (FROM unfinished)`);
  writer.write(assembly, pending);
  writer.flush();
  await renumberParts(database, assembly, oldNumbers.items, first);
  const { traces } = assembly;
  for (let trace = 0; trace < traces.count; trace++) {
    if (traces.hasSharedIds[trace] === 0) continue;
    const begin = traces.first[trace]!;
    const id = decimalOf(assembly.traceId, begin);
    outcome.sharing.add(id);
    const rows = assembly.row.subarray(begin, begin + traces.size[trace]!);
    if (rows.some(row => (input.quirks[row]! & (Quirk.sharedParent | Quirk.startUnknown)) !== 0)) {
      outcome.decided.push(id);
    }
  }
}

/** Gives events and links the new numbers of their spans; `oldNumbers` are those of the assembled rows. */
async function renumberParts(
  database: Database,
  assembly: Assembly,
  oldNumbers: Uint32Array,
  first: number,
): Promise<void> {
  const numbers = new TableAppender(database, 'renumbered', ['BIGINT', 'BIGINT']);
  const old = numbers.words(0);
  const renewed = numbers.words(1);
  for (const [position, row] of assembly.row.entries()) {
    const at = numbers.row;
    old[at * 2] = oldNumbers[row * 2]!;
    old[at * 2 + 1] = oldNumbers[row * 2 + 1]!;
    setInteger(renewed, at, first + position);
    numbers.next();
  }
  numbers.close();
  for (const table of ['event', 'link']) {
    await database.run(`UPDATE ${table} SET span_no = new FROM renumbered WHERE ${table}.span_no = old`);
  }
  await database.run('DELETE FROM renumbered');
}

function columnsOf(chunk: ColumnChunk): SpanColumns {
  const { from, to, items } = chunk.lists(8);
  const count = chunk.rowCount;
  const attributeEnd = new Uint32Array(count);
  const attributes: number[] = [];
  for (let row = 0; row < count; row++) {
    for (let at = from[row]!; at < to[row]!; at++) attributes.push(items[at]!);
    attributeEnd[row] = attributes.length;
  }
  return {
    count,
    traceId: chunk.words(0, 16),
    spanId: chunk.words(1, 8),
    parentId: chunk.words(2, 8),
    start: chunk.words(3, 8),
    duration: chunk.words(4, 8),
    operation: chunk.words(5, 4),
    resource: chunk.words(6, 4),
    status: chunk.words(7, 4),
    attributeEnd,
    attributes: Uint32Array.from(attributes),
  };
}

/** The trace id at a position of a column, as a decimal integer. */
export function decimalOf(traceId: Uint32Array, position: number): string {
  let id = 0n;
  for (let word = 3; word >= 0; word--) id = (id << 32n) | BigInt(traceId[position * 4 + word]!);
  return id.toString();
}
