import { ValueType } from '../../model/attributes.ts';
import {
  type COMPARED_INTRINSICS,
  type COMPARED_SCOPES,
  type ComparedCount,
  keptValues,
  seriesOfComparison,
} from '../metrics/compare.ts';
import type { TimeGrid } from '../metrics/time-grid.ts';
import type { CompareMetric } from '../traceql/ast.ts';
import { printExpression } from '../traceql/printer.ts';
import { conditionSql } from './conditions.ts';
import { valueOfKey } from './keys.ts';
import { type CompiledMetrics, intervalSql, type MetricsRow, type ScopedSpans } from './metrics.ts';
import { SERVICE_NAME } from './scope.ts';
import { attributeValue, keyOf, type SqlValue } from './sql-value.ts';

// compare() as SQL. Spans are counted by the ids of what they have first, then by what stands behind these.

type IntrinsicName = (typeof COMPARED_INTRINSICS)[number];
type Scope = (typeof COMPARED_SCOPES)[number];

/** The count of every attribute value of either side in each interval, and of each attribute (`key` is NULL): at most so many values. */
export function compileComparison(metric: CompareMetric, spans: ScopedSpans, grid: TimeGrid): CompiledMetrics {
  const { selection, window } = metric;
  const condition = conditionSql(selection.condition, spans.scope);
  const isSelected =
    window === undefined
      ? condition
      : `(${condition} AND s.start_ns >= ${window.start.value} AND s.start_ns < ${window.end.value})`;
  const most = keptValues(metric);
  return {
    sql: `WITH base AS MATERIALIZED (SELECT s.span_no, s.trace_id, s.operation_id, s.resource_id, s.status_id, s.attribute_ids, ${intervalSql(grid)} AS i, ${isSelected} AS selected FROM ${spans.scope.from} WHERE ${spans.conditions.join(' AND ')}),
counted AS MATERIALIZED (${COUNTS.join('\nUNION ALL ')}),
ranked AS (SELECT scope, name, key, row_number() OVER (PARTITION BY scope, name, selected ORDER BY sum(n) DESC, key) AS place FROM counted GROUP BY scope, name, key, selected),
kept AS (SELECT DISTINCT scope, name, key FROM ranked WHERE place <= ${most})
SELECT scope, name, key, selected, i, sum(n)::BIGINT AS n FROM counted JOIN kept USING (scope, name, key) GROUP BY ALL
UNION ALL SELECT scope, name, NULL, selected, i, sum(n)::BIGINT FROM counted GROUP BY ALL
UNION ALL SELECT DISTINCT scope, name, NULL, NULL, NULL, 0 FROM ranked WHERE place > ${most}`,
    seriesOf: rows => {
      const isCount = ({ i }: MetricsRow) => typeof i === 'number';
      const counts = rows.filter(isCount).map(countOf);
      return seriesOfComparison(counts, rows.filter(row => !isCount(row)).map(nameOf), grid);
    },
  };
}

function countOf(row: MetricsRow): ComparedCount {
  return {
    name: nameOf(row),
    value: row.key === null ? undefined : valueOfKey(String(row.key)),
    isSelected: row.selected === true,
    interval: Number(row.i),
    count: Number(row.n),
  };
}

function nameOf({ scope, name }: MetricsRow): string {
  const attribute = scope as Scope | '';
  if (attribute === '') return String(name);
  return printExpression({ kind: 'attribute', holder: 'self', scope: attribute, name: String(name), from: 0, to: 0 });
}

/** The spans that share a dictionary's row, counted. */
function byId(id: string): string {
  return `(SELECT ${id}, i, selected, count(*) AS n FROM base GROUP BY ALL)`;
}

/** The attributes that are not nil: making a key once for each, rather than for each count of it, takes half the time. */
const ATTRIBUTES = `(SELECT a.attribute_id, k.name, ${keyOf(attributeValue('a'))} AS key FROM attribute a JOIN key k USING (key_id) WHERE a.type <> ${ValueType.empty})`;

/** Counts of the attributes whose ids, in `attribute_id`, are counted in `n`. */
function attributes(scope: Scope, counted: string): string {
  const where = scope === 'resource' ? `name <> '${SERVICE_NAME}'` : 'true';
  return `SELECT '${scope}' AS scope, name, key, i, selected, sum(n) AS n FROM ${counted} JOIN ${ATTRIBUTES} USING (attribute_id) WHERE ${where} GROUP BY ALL`;
}

function intrinsic(name: IntrinsicName, value: SqlValue, counted: string, where = 'true'): string {
  return `SELECT '' AS scope, '${name}' AS name, ${keyOf(value)} AS key, i, selected, sum(n) AS n FROM ${counted} WHERE ${where} GROUP BY ALL`;
}

const OPERATIONS = `${byId('operation_id')} JOIN operation o USING (operation_id)`;
const SCOPES = `${OPERATIONS} JOIN scope c USING (scope_id)`;
const ROOTS = `(SELECT t.operation_id, i, selected, count(*) AS n FROM base JOIN trace t USING (trace_id) WHERE t.root_span_no IS NOT NULL GROUP BY ALL) JOIN operation o USING (operation_id)`;
const EVENTS = 'event e JOIN base b USING (span_no)';

const COUNTS: readonly string[] = [
  intrinsic('name', { string: 'o.name' }, OPERATIONS),
  intrinsic('kind', { kind: 'o.kind' }, OPERATIONS),
  intrinsic('status', { status: 't.code' }, `${byId('status_id')} JOIN status t USING (status_id)`),
  intrinsic(
    'statusMessage',
    { string: 't.message' },
    `${byId('status_id')} JOIN status t USING (status_id)`,
    "t.message <> ''",
  ),
  intrinsic('trace:rootName', { string: 'o.name' }, ROOTS),
  intrinsic('trace:rootService', { string: 'v.name' }, `${ROOTS} JOIN service v USING (service_id)`),
  intrinsic('instrumentation:name', { string: 'c.name' }, SCOPES, "c.name <> ''"),
  intrinsic('instrumentation:version', { string: 'c.version' }, SCOPES, "c.version <> ''"),
  // A span has an event's name, or an attribute of an event, once, however many events it has.
  intrinsic(
    'event:name',
    { string: 'name' },
    `(SELECT v.name, i, selected, count(DISTINCT span_no) AS n FROM ${EVENTS} JOIN event_name v USING (name_id) GROUP BY ALL)`,
  ),
  `SELECT 'resource', '${SERVICE_NAME}', 's' || v.name AS key, i, selected, sum(n) FROM ${OPERATIONS} JOIN service v USING (service_id) GROUP BY ALL`,
  attributes(
    'span',
    '(SELECT attribute_id, i, selected, count(*) AS n FROM (SELECT unnest(attribute_ids) AS attribute_id, i, selected FROM base) GROUP BY ALL)',
  ),
  attributes(
    'resource',
    `(SELECT unnest(r.attribute_ids) AS attribute_id, i, selected, n FROM ${byId('resource_id')} JOIN resource r USING (resource_id))`,
  ),
  attributes('instrumentation', `(SELECT unnest(c.attribute_ids) AS attribute_id, i, selected, n FROM ${SCOPES})`),
  `SELECT 'event', name, key, i, selected, count(*) FROM (SELECT DISTINCT span_no, name, key, i, selected FROM (SELECT span_no, unnest(e.attribute_ids) AS attribute_id, i, selected FROM ${EVENTS}) JOIN ${ATTRIBUTES} USING (attribute_id)) GROUP BY ALL`,
];
