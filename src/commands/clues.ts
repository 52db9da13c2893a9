import { displayValue } from '../model/attributes.ts';
import { valueOfKey } from '../query/compile/keys.ts';
import { type Clue, type CountedValue, cluesOf, type FailedCondition, type KnownAttribute } from '../query/suggest.ts';
import type { Field } from '../query/traceql/ast.ts';
import { quoteString } from '../query/traceql/literals.ts';
import { STRUCTURE } from '../query/traceql/operators.ts';
import { printExpression } from '../query/traceql/printer.ts';
import type { Queryable } from '../store/queryable.ts';
import { formatCount, formatDuration, plural } from '../terminal/format.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Selection } from './selection.ts';
import { withReadableTimes } from './time-range.ts';

/** Returns a sentence or two about why nothing is selected, and what there is that was probably meant; none where something is. */
export async function whyNothing(
  database: Queryable,
  { query, spans: selected }: Pick<Selection, 'query' | 'spans'>,
  screen: Screen,
): Promise<string[]> {
  // A list may be empty for other reasons.
  const [found] = await database.rows(`SELECT span_no FROM span s WHERE ${selected} LIMIT 1`);
  if (found !== undefined) return [];
  const clues = await cluesOf(query.root, sql => database.rows(sql));
  return clues.flatMap(clue => sentenceOf(clue, screen.unicode) ?? []).map(withReadableTimes);
}

function sentenceOf(clue: Clue, unicode: boolean): string | undefined {
  switch (clue.kind) {
    case 'condition':
      return aboutCondition(clue, unicode);
    case 'apart': {
      const each = clue.texts.map((text, index) => `${text} (${spans(clue.passing[index]?.spanCount ?? 0)})`);
      return `each condition holds for some spans, but they never come together: ${each.join(', ')}`;
    }
    case 'in-no-trace':
      return `each of these is in some trace, but no trace has them all: ${clue.texts.join(', ')}`;
    case 'unrelated':
      return aboutRelation(clue);
    case 'scalar': {
      const number = (value: number) => numberText(value, clue.isDuration, unicode);
      return `${clue.text}: ${clue.aggregate} is ${rangeText(number(clue.least), number(clue.most))}`;
    }
  }
}

function aboutCondition(clue: FailedCondition, unicode: boolean): string | undefined {
  const { text, nearest } = clue;
  const found = findingText(clue, unicode);
  const { finding } = clue;
  const hasSaid = found !== undefined && finding !== undefined && 'isOfNearest' in finding && finding.isOfNearest;
  if (nearest === undefined || hasSaid) return found;
  const others = `without ${found === undefined ? text : 'this condition'} ${spans(nearest.spanCount)} would match`;
  return found === undefined ? others : `${found}${found.endsWith('?') ? ' ' : '; '}${capitalAfter(found, others)}`;
}

/** A sentence begins behind a question mark. */
function capitalAfter(before: string, text: string): string {
  return before.endsWith('?') ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** What is the matter with the condition; undefined where that is not known. */
function findingText({ text, field, nearest, finding }: FailedCondition, unicode: boolean): string | undefined {
  // Of which time the data is is said anyway.
  if (finding === undefined || field === undefined || isStart(field)) return undefined;
  const name = printExpression(field);
  switch (finding.kind) {
    case 'no-such-key': {
      const nothing = `nothing has the attribute ${name}`;
      if (finding.intrinsic !== undefined) return `${nothing}; did you mean the intrinsic ${finding.intrinsic}?`;
      return finding.alike.length === 0
        ? `${nothing} (tailspan sql 'SELECT DISTINCT key FROM span_attributes' lists those of spans)`
        : `${nothing}; did you mean ${listOf(finding.alike.map(known => attributeText(known, field)))}?`;
    }
    case 'elsewhere':
      return `${name} is on ${PLACE_WORDS[finding.found.scope]}: ${attributeText(finding.found, field)}`;
    case 'other-type': {
      const { literal, found } = finding;
      const advice = literal === undefined ? 'what is of unlike types is never compared' : `write ${literal}`;
      return `${name} is of type ${found.type} here: ${advice}`;
    }
    case 'part-of-value':
      return `${text}: a pattern must match the whole value; with .* on both sides it matches ${spans(finding.spanCount)}`;
    case 'alike':
      return `${text}: did you mean ${listOf(finding.values.map(valueText))}?`;
    case 'values': {
      const values = finding.values.map(valueText).join(', ');
      return finding.isOfNearest && nearest !== undefined
        ? `${text}: the ${spans(nearest.spanCount)} that fulfil the rest have ${values}`
        : `${text}: ${finding.values.length === 1 ? 'there is only' : 'the most frequent are'} ${values}`;
    }
    case 'range': {
      const isDuration = isDurationField(field);
      const number = (value: bigint | number) => numberText(value, isDuration, unicode);
      const range = rangeText(number(finding.least), number(finding.most));
      return finding.isOfNearest && nearest !== undefined
        ? `${text}: of the ${spans(nearest.spanCount)} that fulfil the rest it is ${range}`
        : `${text}: it is ${range}`;
    }
  }
}

const RELATION_WORDS = {
  child: 'a child of',
  descendant: 'below',
  parent: 'the parent of',
  ancestor: 'above',
  sibling: 'a sibling of',
} as const;

function aboutRelation({ operator, left, right, traceCount, instead }: Extract<Clue, { kind: 'unrelated' }>): string {
  const { relation, keeps } = STRUCTURE[operator];
  const how = RELATION_WORDS[relation];
  if (keeps === 'not')
    return `each of the ${spans(right.spanCount)} on the right of ${operator} is ${how} one on the left`;
  const sides = `${spans(left.spanCount)} match the left side of ${operator} and ${formatCount(right.spanCount)} the right one`;
  if (traceCount === 0) return `${sides}, but no trace has both`;
  const none = `${sides}, both in ${plural(traceCount, 'trace')}, but none on the right is ${how} one on the left`;
  return instead === undefined ? none : `${none}; with ${instead.operator} ${spans(instead.spanCount)} match`;
}

const PLACE_WORDS: Readonly<Record<KnownAttribute['scope'], string>> = {
  span: 'spans',
  resource: 'resources',
  instrumentation: 'instrumentation scopes',
  event: 'events',
  link: 'links',
};

/** An attribute as it would stand in the place of a field: `span.http.method (string, 12 spans)`. */
function attributeText({ scope, name, type, spanCount }: KnownAttribute, field: Field): string {
  const isUnscoped = field.kind === 'attribute' && field.scope === 'any' && (scope === 'span' || scope === 'resource');
  const written = printExpression({
    kind: 'attribute',
    holder: field.holder,
    scope: isUnscoped ? 'any' : scope,
    name,
    from: 0,
    to: 0,
  });
  return `${written} (${type}, ${spans(spanCount)})`;
}

function valueText({ key, spanCount }: CountedValue): string {
  const value = valueOfKey(key);
  const isText = key.startsWith('s') && typeof value === 'string';
  const text = value === undefined ? 'nothing' : isText ? quoteString(value) : displayValue(value);
  return `${text} (${spans(spanCount)})`;
}

function listOf(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;
}

function rangeText(least: string, most: string): string {
  return least === most ? `always ${least}` : `from ${least} to ${most}`;
}

function numberText(value: bigint | number, isDuration: boolean, unicode: boolean): string {
  if (!isDuration) return String(value);
  return typeof value === 'bigint' || Number.isFinite(value)
    ? formatDuration(typeof value === 'bigint' ? value : BigInt(Math.round(value)), unicode)
    : String(value);
}

function isStart(field: Field): boolean {
  return field.kind === 'intrinsic' && field.name === 'span:startTime';
}

function isDurationField(field: Field): boolean {
  return field.kind === 'intrinsic' && /uration$|timeSinceStart$/.test(field.name);
}

function spans(count: number): string {
  return plural(count, 'span');
}
