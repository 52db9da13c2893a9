import { assemble } from '../model/assembly.ts';
import type { SpanColumns } from '../model/span-batch.ts';
import type { ColumnChunk, Database } from './database.ts';
import type { Dictionaries } from './dictionaries.ts';
import { PendingSpans } from './pending-spans.ts';
import type { SpanWriter } from './span-writer.ts';

// The second look at traces that could not be finished in passing: those whose spans came in several goes (far apart in a
// source, or in several loads), those with several spans of one id, and Zipkin traces whose id stands in its short and its
// long form. Exact duplicates are dropped here, and the traces assembled again from what is stored.

/** Spans that are assembled at a time. */
const PART_SPANS = 250_000;

export interface ReassemblyResult {
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
  firstSpanNo: number,
  flagged: readonly string[],
  hasZipkin: boolean,
): Promise<ReassemblyResult> {
  if (hasZipkin) await joinShortIds(database, firstSpanNo);
  await database.run(`
    CREATE OR REPLACE TEMP TABLE unfinished AS
    SELECT trace_id FROM trace
    WHERE trace_id IN (SELECT trace_id FROM trace WHERE first_span_no >= ${firstSpanNo})
    GROUP BY trace_id HAVING count(*) > 1`);
  if (flagged.length > 0) {
    await database.run(`
      INSERT INTO unfinished
      SELECT id FROM (SELECT DISTINCT unnest([${flagged.map(id => `'${id}'`).join(',')}])::UHUGEINT AS id)
      WHERE id NOT IN (FROM unfinished)`);
  }
  const count = await database.value('SELECT count(*) FROM unfinished');
  if (count === 0n) {
    await database.run('DROP TABLE unfinished');
    return { duplicates: 0, sharedIds: 0 };
  }
  const result = await dropDuplicates(database);
  const spans = Number(await database.value('SELECT count(*) FROM span SEMI JOIN unfinished USING (trace_id)'));
  const parts = Math.max(1, Math.ceil(spans / PART_SPANS));
  await database.run('CREATE OR REPLACE TEMP TABLE renumbered (old BIGINT, new BIGINT)');
  for (let part = 0; part < parts; part++) await assemblePart(database, dictionaries, writer, part, parts);
  await database.run('DROP TABLE unfinished');
  await database.run('DROP TABLE renumbered');
  return result;
}

/** Gives spans of a Zipkin trace whose id stands in its short form the long form, where there is one. */
async function joinShortIds(database: Database, firstSpanNo: number): Promise<void> {
  const low = '18446744073709551615::UHUGEINT';
  await database.run(`
    CREATE OR REPLACE TEMP TABLE short_id AS
    SELECT s.trace_id AS short, min(l.trace_id) AS long
    FROM trace s JOIN trace l ON s.trace_id = (l.trace_id & ${low})
    WHERE s.trace_id <= ${low} AND l.trace_id > ${low}
      AND (s.first_span_no >= ${firstSpanNo} OR l.first_span_no >= ${firstSpanNo})
    GROUP BY s.trace_id`);
  if ((await database.value('SELECT count(*) FROM short_id')) !== 0n) {
    await database.run('UPDATE span SET trace_id = long FROM short_id WHERE span.trace_id = short');
    await database.run('UPDATE trace SET trace_id = long FROM short_id WHERE trace.trace_id = short');
  }
  await database.run('DROP TABLE short_id');
}

/** The attributes behind a list of ids as one text, in order of their keys. */
const attributesText = (ids: string) => `coalesce((
  SELECT string_agg(k.name || chr(1) || a.type || chr(1) || a.value, chr(2) ORDER BY k.name, a.type, a.value)
  FROM (SELECT unnest(${ids}) AS attribute_id) i JOIN attribute a USING (attribute_id) JOIN key k USING (key_id)
), '')`;

/** Drops spans that equal another one in id and content; the one stored first stays. */
async function dropDuplicates(database: Database): Promise<ReassemblyResult> {
  await database.run(`
    CREATE OR REPLACE TEMP TABLE candidate AS
    SELECT * FROM span SEMI JOIN unfinished USING (trace_id)
    QUALIFY count(*) OVER (PARTITION BY trace_id, span_id) > 1`);
  const candidates = Number(await database.value('SELECT count(*) FROM candidate'));
  if (candidates === 0) {
    await database.run('DROP TABLE candidate');
    return { duplicates: 0, sharedIds: 0 };
  }
  await database.run(`
    CREATE OR REPLACE TEMP TABLE duplicate AS
    WITH event_text AS (
      SELECT span_no, string_agg(time_ns || chr(3) || n.name || chr(3) || ${attributesText('e.attribute_ids')}, chr(4) ORDER BY time_ns, n.name) AS events
      FROM event e SEMI JOIN candidate USING (span_no) JOIN event_name n USING (name_id) GROUP BY span_no
    ), link_text AS (
      SELECT span_no, string_agg(l.trace_id || chr(3) || l.span_id || chr(3) || ${attributesText('l.attribute_ids')}, chr(4) ORDER BY l.trace_id, l.span_id) AS links
      FROM link l SEMI JOIN candidate USING (span_no) GROUP BY span_no
    ), resource_text AS (
      SELECT resource_id, service_id || chr(1) || ${attributesText('r.attribute_ids')} AS resource
      FROM resource r WHERE resource_id IN (SELECT resource_id FROM candidate)
    ), scope_text AS (
      SELECT scope_id, name || chr(1) || version || chr(1) || ${attributesText('c.attribute_ids')} AS scope
      FROM scope c
    )
    SELECT span_no FROM (
      SELECT s.span_no, row_number() OVER (
        PARTITION BY s.trace_id, s.span_id, s.parent_id, s.start_ns, s.duration_ns, o.name, o.kind, o.flags,
          scope, resource, t.code, t.message, events, links, ${attributesText('s.attribute_ids')}
        ORDER BY s.span_no
      ) AS copy
      FROM candidate s
      JOIN operation o USING (operation_id)
      JOIN scope_text USING (scope_id)
      JOIN resource_text USING (resource_id)
      JOIN status t USING (status_id)
      LEFT JOIN event_text USING (span_no)
      LEFT JOIN link_text USING (span_no)
    ) WHERE copy > 1`);
  const duplicates = Number(await database.value('SELECT count(*) FROM duplicate'));
  for (const table of ['span', 'event', 'link']) {
    await database.run(`DELETE FROM ${table} WHERE span_no IN (FROM duplicate)`);
  }
  const sharedIds = Number(
    await database.value(`
      SELECT count(*) FROM (
        SELECT 1 FROM candidate WHERE span_no NOT IN (FROM duplicate)
        QUALIFY count(*) OVER (PARTITION BY trace_id, span_id) > 1
      )`),
  );
  await database.run('DROP TABLE candidate');
  await database.run('DROP TABLE duplicate');
  return { duplicates, sharedIds };
}

const STORED_COLUMNS = `trace_id, span_id, parent_id, start_ns, duration_ns, operation_id, resource_id, status_id, attribute_ids, span_no`;

async function assemblePart(
  database: Database,
  dictionaries: Dictionaries,
  writer: SpanWriter,
  part: number,
  parts: number,
): Promise<void> {
  const isInPart = `hash(trace_id) % ${parts} = ${part}`;
  const pending = new PendingSpans();
  const oldNumbers: bigint[] = [];
  const sql = `
    SELECT ${STORED_COLUMNS} FROM span SEMI JOIN unfinished USING (trace_id) WHERE ${isInPart} ORDER BY span_no`;
  for await (const chunk of database.scan(sql)) {
    pending.addSpans(columnsOf(chunk), dictionaries);
    for (const number of chunk.column(9)) oldNumbers.push(BigInt(number as bigint));
  }
  const assembly = assemble(pending.assemblyInput);
  const first = writer.nextSpanNo;
  // The old rows go before the new ones come, so that neither sees the other.
  await database.run(`
    DELETE FROM span WHERE ${isInPart} AND trace_id IN (FROM unfinished);
    DELETE FROM trace WHERE ${isInPart} AND trace_id IN (FROM unfinished)`);
  writer.write(assembly, pending);
  writer.flush();
  const pairs = Array.from(assembly.row, (row, position) => `(${oldNumbers[row]},${first + position})`);
  for (let from = 0; from < pairs.length; from += 10_000) {
    await database.run(`INSERT INTO renumbered VALUES ${pairs.slice(from, from + 10_000).join(',')}`);
  }
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
