import { Kind, Status } from '../model/status.ts';
import type { Condition, Filter } from './filter.ts';

// The one writer of SQL for what users ask for: a filter becomes a predicate over the table `span`, under the alias `s`.
// Dictionaries are asked first (they are small) and spans by id.

/** Returns a text as an SQL literal. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Returns the predicate of a filter over `span s`; `true` where every span passes. */
export function spanPredicate(filter: Filter): string {
  const parts = filter.conditions.map(conditionSql);
  return parts.length === 0 ? 'true' : parts.join(' AND ');
}

/** Returns a predicate over trace ids: those of traces in which a span passes the filter. `column` is the trace id. */
export function tracePredicate(filter: Filter, column: string): string {
  if (filter.conditions.length === 0) return 'true';
  return `${column} IN (SELECT s.trace_id FROM span s WHERE ${spanPredicate(filter)})`;
}

function conditionSql(condition: Condition): string {
  switch (condition.on) {
    case 'service':
      return operationIn(`service_id IN (SELECT service_id FROM service WHERE ${textSql('name', condition)})`);
    case 'name':
      return operationIn(textSql('name', condition));
    case 'kind':
      return operationIn(`kind = ${Kind[condition.value]}`);
    case 'status':
      return `s.status_id IN (SELECT status_id FROM status WHERE code = ${Status[condition.value]})`;
    case 'duration':
      return `s.duration_ns ${condition.comparison} ${condition.value}`;
    case 'start':
      return `s.start_ns ${condition.comparison} ${condition.value}`;
    case 'attribute':
      return attributeSql(condition);
  }
}

function operationIn(where: string): string {
  return `s.operation_id IN (SELECT operation_id FROM operation WHERE ${where})`;
}

/** Equality, or a regular expression (RE2) that the whole text must match. */
function textSql(column: string, condition: { comparison: '=' | '=~'; value: string }): string {
  return condition.comparison === '='
    ? `${column} = ${sqlText(condition.value)}`
    : `regexp_full_match(${column}, ${sqlText(condition.value)}, 's')`;
}

type AttributeCondition = Extract<Condition, { on: 'attribute' }>;

function attributeSql(condition: AttributeCondition): string {
  const { scope, comparison } = condition;
  const isNegative = comparison === '!=' || comparison === '!~';
  const key = `key_id IN (SELECT key_id FROM key WHERE name = ${sqlText(condition.key)})`;
  const withKey = `SELECT attribute_id FROM attribute WHERE ${key}`;
  const matching = `${withKey} AND ${valueSql(condition)}`;
  const onSpan = (ids: string) =>
    `s.span_no IN (SELECT span_no FROM (SELECT span_no, unnest(attribute_ids) AS id FROM span) WHERE id IN (${ids}))`;
  const onResource = (ids: string) =>
    `s.resource_id IN (SELECT resource_id FROM (SELECT resource_id, unnest(attribute_ids) AS id FROM resource) WHERE id IN (${ids}))`;
  const has = (ids: string): string => {
    if (scope === 'span') return onSpan(ids);
    if (scope === 'resource') return onResource(ids);
    // The span's own attribute hides the resource's of the same key.
    return `(${onSpan(ids)} OR (${onResource(ids)} AND NOT ${onSpan(withKey)}))`;
  };
  if (comparison === 'exists') return has(withKey);
  if (comparison === 'absent') {
    if (scope === 'span') return `NOT ${onSpan(withKey)}`;
    if (scope === 'resource') return `NOT ${onResource(withKey)}`;
    return `NOT (${onSpan(withKey)} OR ${onResource(withKey)})`;
  }
  // A missing attribute matches nothing, so "is not" also asks for the attribute; arrays: none of the items.
  return isNegative
    ? `(${has(withKey)} AND NOT ${has(`${withKey} AND ${valueSql(positive(condition))}`)})`
    : has(matching);
}

function positive(condition: AttributeCondition): AttributeCondition {
  return { ...condition, comparison: condition.comparison === '!=' ? '=' : '=~' };
}

/**
 * The predicate over `attribute` (columns type and value). The flag's value has no type of its own: it equals a string
 * of that text, an integer, double or boolean of that value, and any item of an array.
 */
function valueSql({ comparison, value }: AttributeCondition): string {
  const isNumber = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value);
  const items = `list_contains(from_json(value, '["VARCHAR"]'), ${sqlText(value)})`;
  switch (comparison) {
    case '=': {
      // `5.0` asks for 5 as well: integers and doubles are stored in their shortest form.
      const shortest = isNumber && Number.isSafeInteger(Number(value)) ? String(Number(value)) : value;
      const numeric = shortest === value ? '' : ` OR (type IN (3, 4) AND value = ${sqlText(shortest)})`;
      return `(value = ${sqlText(value)}${numeric} OR (type = 5 AND ${items}))`;
    }
    case '=~':
      return `((type <> 5 AND regexp_full_match(value, ${sqlText(value)}, 's')) OR (type = 5 AND len(list_filter(from_json(value, '["VARCHAR"]'), lambda item: regexp_full_match(item, ${sqlText(value)}, 's'))) > 0))`;
    case '>':
    case '>=':
    case '<':
    case '<=':
      if (!isNumber) return `(type = 1 AND value ${comparison} ${sqlText(value)})`;
      return `((type = 3 AND TRY_CAST(value AS BIGINT) ${comparison} ${value}) OR (type = 4 AND TRY_CAST(value AS DOUBLE) ${comparison} ${value}))`;
    default:
      return 'true';
  }
}
