import type { Attributes, AttributeValue } from '../../src/model/attributes.ts';
import { textOfValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import type { Condition, Filter } from '../../src/query/filter.ts';

// What a filter means, asked of a span in memory: what the SQL of a filter is held to.

export function passes(span: Span, filter: Filter): boolean {
  return filter.conditions.every(condition => holds(span, condition));
}

function holds(span: Span, condition: Condition): boolean {
  switch (condition.on) {
    case 'service':
      return textHolds(span.serviceName, condition.comparison, condition.value);
    case 'name':
      return textHolds(span.name, condition.comparison, condition.value);
    case 'kind':
      return span.kind === condition.value;
    case 'status':
      return span.status.code === condition.value;
    case 'duration':
      return condition.comparison === '>='
        ? span.durationNano >= condition.value
        : span.durationNano <= condition.value;
    case 'start':
      return condition.comparison === '>='
        ? span.startTimeUnixNano >= condition.value
        : span.startTimeUnixNano < condition.value;
    case 'attribute': {
      const found = valueIn(span, condition.scope, condition.key);
      if (condition.comparison === 'exists') return found !== undefined;
      if (condition.comparison === 'absent') return found === undefined;
      return found !== undefined && valueHolds(found, condition.comparison, condition.value);
    }
  }
}

function textHolds(text: string, comparison: '=' | '=~', value: string): boolean {
  return comparison === '=' ? text === value : new RegExp(`^(?:${value})$`, 'su').test(text);
}

/** The attribute of the span, of its resource, or of the first of them that has it. */
function valueIn(span: Span, scope: 'span' | 'resource' | 'any', key: string): AttributeValue | undefined {
  const of = (attributes: Attributes) => (Object.hasOwn(attributes, key) ? attributes[key] : undefined);
  if (scope === 'span') return of(span.attributes);
  if (scope === 'resource') return of(span.resource);
  return Object.hasOwn(span.attributes, key) ? of(span.attributes) : of(span.resource);
}

function valueHolds(found: AttributeValue, comparison: string, value: string): boolean {
  switch (comparison) {
    case '=':
      return itemsOf(found).some(item => equals(item, value));
    case '!=':
      return !itemsOf(found).some(item => equals(item, value));
    case '=~':
      return itemsOf(found).some(item => textHolds(textOf(item), '=~', value));
    case '!~':
      return !itemsOf(found).some(item => textHolds(textOf(item), '=~', value));
    default:
      return ordered(found, comparison, value);
  }
}

/** What is compared: the items of an array (`null` is nothing that could be equal), anything else itself. */
function itemsOf(found: AttributeValue): readonly Item[] {
  if (!Array.isArray(found)) return [{ value: found, isNested: false }];
  return (found as readonly AttributeValue[]).filter(item => item !== null).map(value => ({ value, isNested: true }));
}

interface Item {
  readonly value: AttributeValue;
  readonly isNested: boolean;
}

/** A value as stored: within an array what is no text is JSON. */
function textOf({ value, isNested }: Item): string {
  return isNested && typeof value !== 'string' ? textOfValue([value]).slice(1, -1) : textOfValue(value);
}

function equals(item: Item, value: string): boolean {
  if (textOf(item) === value) return true;
  const number = decimalOf(value);
  if (number === undefined) return false;
  if (typeof item.value === 'bigint') return compareDecimals({ digits: item.value, power: 0 }, number) === 0;
  return typeof item.value === 'number' && item.value === Number(value);
}

function ordered(found: AttributeValue, comparison: string, value: string): boolean {
  const number = decimalOf(value);
  const order = (() => {
    if (number === undefined)
      return typeof found === 'string' ? Buffer.compare(Buffer.from(found), Buffer.from(value)) : Number.NaN;
    if (typeof found === 'bigint') return compareDecimals({ digits: found, power: 0 }, number);
    if (typeof found !== 'number' || Number.isNaN(found)) return Number.NaN;
    return found < Number(value) ? -1 : found > Number(value) ? 1 : 0;
  })();
  switch (comparison) {
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    default:
      return order <= 0;
  }
}

/** `digits` × 10 to the `power`. */
interface Decimal {
  readonly digits: bigint;
  readonly power: number;
}

function decimalOf(text: string): Decimal | undefined {
  const match = /^(-?\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  return { digits: BigInt(whole + fraction), power: Number(exponent) - fraction.length };
}

function compareDecimals(a: Decimal, b: Decimal): number {
  const least = Math.min(a.power, b.power);
  const [one, other] = [a, b].map(({ digits, power }) => digits * 10n ** BigInt(power - least)) as [bigint, bigint];
  return one < other ? -1 : one > other ? 1 : 0;
}
