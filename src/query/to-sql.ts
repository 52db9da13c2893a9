import { ValueType } from '../model/attributes.ts';
import { Kind, Status } from '../model/status.ts';
import type { Condition, Filter } from './filter.ts';

// The one writer of SQL for what users ask for: a filter becomes a predicate over the table `span`, under the alias `s`.
// Dictionaries are asked first (they are small) and spans by id.

/** Returns a text as an SQL expression: a literal, or several, because a statement ends at a NUL. */
export function sqlText(text: string): string {
  const parts = text.split('\0').map(part => `'${part.replaceAll("'", "''")}'`);
  return parts.length === 1 ? parts.join('') : `(${parts.join(' || chr(0) || ')})`;
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
 * The predicate over `attribute` (columns type and value). The flag's value has no type of its own: it equals a value of
 * that text, an integer or double of that number, and an array with such an item. Numbers are compared with numbers, any
 * other text with strings, as UTF-8.
 */
function valueSql({ comparison, value }: AttributeCondition): string {
  const text = sqlText(value);
  const number = parseNumber(value);
  switch (comparison) {
    case '=':
      return number === undefined
        ? byType({ array: `list_contains(${ITEMS}, ${text})` }, `value = ${text}`)
        : equalsNumber(text, number);
    case '=~': {
      const matches = (what: string) => `regexp_full_match(${what}, ${text}, 's')`;
      return byType({ array: `len(list_filter(${ITEMS}, lambda item: ${matches('item')})) > 0` }, matches('value'));
    }
    case '>':
    case '>=':
    case '<':
    case '<=': {
      if (number === undefined) return byType({ string: `value ${comparison} ${text}` }, 'false');
      // Integers are compared as integers: above `2.5` is above 2, below it is below 3.
      const bound = comparison === '>' || comparison === '<=' ? number.floor : number.ceiling;
      return byType(
        {
          int: `TRY_CAST(value AS BIGINT) ${comparison} ${bound}`,
          double: `value <> 'NaN' AND TRY_CAST(value AS DOUBLE) ${comparison} ${doubleSql(number.double)}`,
        },
        'false',
      );
    }
    default:
      return 'true';
  }
}

function equalsNumber(text: string, { double, floor, ceiling }: ExactNumber): string {
  const isInteger = floor === ceiling;
  const equalsInteger = isInteger ? `TRY_CAST(item::VARCHAR AS HUGEINT) = ${floor}` : 'false';
  return byType(
    {
      // Integers are stored without zeros before them, doubles in their shortest form.
      int: isInteger ? `value = '${floor}'` : 'false',
      double: `value IN ${double === 0 ? "('0', '-0')" : `('${double}')`}`,
      array: `list_contains(${ITEMS}, ${text}) OR len(list_filter(json_extract(value, '$[*]'), lambda item:
        CASE json_type(item)
          WHEN 'DOUBLE' THEN TRY_CAST(item::VARCHAR AS DOUBLE) = ${doubleSql(double)}
          WHEN 'UBIGINT' THEN ${equalsInteger}
          WHEN 'BIGINT' THEN ${equalsInteger}
          ELSE false END)) > 0`,
    },
    `value = ${text}`,
  );
}

/** A case for each type, so that only arrays are read as JSON. */
function byType(cases: Partial<Record<keyof typeof ValueType, string>>, otherwise: string): string {
  const parts = Object.entries(cases).map(
    ([type, sql]) => `WHEN ${ValueType[type as keyof typeof ValueType]} THEN (${sql})`,
  );
  return `CASE type ${parts.join(' ')} ELSE ${otherwise} END`;
}

/** The items of an array as texts: strings bare, anything else as JSON. */
const ITEMS = `from_json(value, '["VARCHAR"]')`;

/** A number as it is written. */
interface ExactNumber {
  /** The double nearest to it. */
  readonly double: number;
  /** The integers around it, or it itself; those far beyond int64 are 2^64 or -2^64. */
  readonly floor: bigint;
  readonly ceiling: bigint;
}

/** Reads a decimal number; undefined where the text is none. */
function parseNumber(text: string): ExactNumber | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  // 10^20 is beyond int64, and so is anything above it; 10^-20 is between 0 and 1, as is anything below it.
  const length = digits === 0n ? 0 : String(digits).length;
  const power = Number(exponent) - fraction.length;
  let floor = 0n;
  let isWhole = digits === 0n;
  if (!isWhole && power + length > 20) {
    floor = FAR;
    isWhole = true;
  } else if (!isWhole && power >= 0) {
    floor = digits * 10n ** BigInt(power);
    isWhole = true;
  } else if (!isWhole && length + power > 0) {
    const unit = 10n ** BigInt(-power);
    floor = digits / unit;
    isWhole = digits % unit === 0n;
  }
  const ceiling = isWhole ? floor : floor + 1n;
  const double = Number(text);
  return sign === '-' ? { double, floor: -ceiling, ceiling: -floor } : { double, floor, ceiling };
}

const FAR = 2n ** 64n;

function doubleSql(value: number): string {
  return `'${value}'::DOUBLE`;
}
