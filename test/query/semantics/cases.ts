import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Attributes, type AttributeValue, ValueType, valueOfText } from '../../../src/model/attributes.ts';
import type { Span, SpanEvent, SpanLink } from '../../../src/model/span.ts';
import { buildTrace, type Trace } from '../../../src/model/trace.ts';
import { isArray, type Value } from '../../../src/query/evaluate/values.ts';
import type { Query } from '../../../src/query/traceql/ast.ts';
import { quoteString } from '../../../src/query/traceql/literals.ts';
import { parseQuery } from '../../../src/query/traceql/parse-query.ts';
import { DRAWING_START, draw, spanIdOf } from '../../support/drawn-trace.ts';

// What queries mean, as data: the .txt files beside this one. A file is sections, each a drawn trace and questions:
//
//     === a title                        `@ hex` behind it gives the trace id
//     a | 0-100 | shop |  | server | {"span": {"x": 1.5}}
//       b | 10-60 | bank
//     ---
//     { .x > 1 } >> { }
//       b
//     { } | by(resource.service.name)
//       a ; by(resource.service.name) = "shop"
//       b ; by(resource.service.name) = "bank"
//     { .x = 2 }
//       (none)
//
// Traces are drawn as for `draw`, with a column more, JSON of what that has no notes for: attributes in `span`, `resource`
// and `instrumentation` (its name and version too), `events` ({name, at, attributes}), `links` ({span, trace, attributes}).
// Below a query stand its spansets, a line each: names of spans, and behind ` ; ` what is said of them. Lines that begin
// with # are comments. Names of spans are all different within a drawing, and have no blanks.

/** A spanset as an answer tells it. */
export interface AnsweredSpanset {
  /** The names of its spans in display order. */
  readonly names: readonly string[];
  readonly attributes: readonly { readonly name: string; readonly value: Value }[];
}

/** What is held to the cases: asks a search query of one trace. */
export type AnswerQuery = (
  query: Query,
  trace: Trace,
) => readonly AnsweredSpanset[] | Promise<readonly AnsweredSpanset[]>;

export interface SemanticCase {
  readonly line: number;
  readonly query: string;
  /** The spansets, rendered as they stand in the file. */
  readonly answer: readonly string[];
}

export interface SemanticSection {
  /** File name and title. */
  readonly title: string;
  readonly trace: Trace;
  readonly cases: readonly SemanticCase[];
}

/** Adds a test for every case. */
export function testSemantics(answer: AnswerQuery): void {
  describe.each(readSections())('$title', ({ trace, cases }) => {
    test.each(cases)('line $line: $query', async ({ query, answer: expected }) => {
      const spansets = await answer(parseQuery(query), trace);
      expect(spansets.map(renderSpanset)).toEqual(expected);
    });
  });
}

/** Reads all sections of all files; each trace has an id of its own. */
export function readSections(): readonly SemanticSection[] {
  const files = readdirSync(import.meta.dirname).filter(file => file.endsWith('.txt'));
  return files.sort().flatMap((file, fileNumber) => {
    const lines = readFileSync(join(import.meta.dirname, file), 'utf8').split('\n');
    const starts = lines.flatMap((line, index) => (line.startsWith('=== ') ? [index] : []));
    return starts.map((start, index) => {
      const traceId = `${fileNumber + 1}${String(index + 1).padStart(3, '0')}`;
      return readSection(file, lines, start, starts[index + 1] ?? lines.length, traceId);
    });
  });
}

function readSection(file: string, lines: readonly string[], start: number, end: number, id: string): SemanticSection {
  const [, title = '', traceId = id] = /^=== (.*?)(?: @ ([0-9a-f]+))?$/.exec(lines[start] ?? '') ?? [];
  const rule = lines.indexOf('---', start);
  if (rule === -1 || rule > end) throw new Error(`${file}: no --- below "${title}"`);
  const drawing = lines.slice(start + 1, rule).filter(line => line.trim() !== '' && !line.startsWith('#'));
  const drawn = draw(drawing.join('\n'), { traceId });
  const spans = drawn.map((span, index) => withDetails(span, (drawing[index] ?? '').split('|')[5] ?? ''));
  const cases: { line: number; query: string; answer: string[] }[] = [];
  for (const [index, line] of lines.slice(rule + 1, end).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (!line.startsWith(' ')) cases.push({ line: rule + index + 2, query: line, answer: [] });
    else if (line.trim() !== '(none)') cases.at(-1)?.answer.push(line.trim());
  }
  return { title: `${file}: ${title}`, trace: buildTrace(spans), cases };
}

function renderSpanset({ names, attributes }: AnsweredSpanset): string {
  return [names.join(' '), ...attributes.map(({ name, value }) => `${name} = ${renderValue(value)}`)].join(' ; ');
}

/** Numbers that are equal look alike, whatever their kind. */
function renderValue(value: Value | AttributeValue): string {
  if (value === undefined) return 'nil';
  if (isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (typeof value === 'string') return quoteString(value);
  if (typeof value !== 'object') return String(value);
  if (value === null || !('word' in value)) throw new TypeError('a value that no query gives');
  return String(value.word);
}

function withDetails(span: Span, json: string): Span {
  if (json.trim() === '') return span;
  const details = attributesOf(valueOfText(ValueType.map, json));
  const strange = Object.keys(details).find(key => !DETAILS.includes(key));
  if (strange !== undefined) throw new Error(`a drawn span has details that mean nothing: ${strange}`);
  const { name = '', version = '', ...attributes } = attributesOf(details.instrumentation);
  return {
    ...span,
    attributes: { ...span.attributes, ...attributesOf(details.span) },
    resource: { ...span.resource, ...attributesOf(details.resource) },
    scope: { name: String(name), version: String(version), attributes },
    events: [...span.events, ...listOf(details.events).map(eventOf)],
    links: [...span.links, ...listOf(details.links).map(link => linkOf(link, span.traceId))],
  };
}

const DETAILS = ['span', 'resource', 'instrumentation', 'events', 'links'];

function eventOf({ name, at, attributes }: Attributes): SpanEvent {
  return {
    timeUnixNano: DRAWING_START + BigInt(Math.round(Number(at) * 1_000_000)),
    name: String(name),
    attributes: attributesOf(attributes),
  };
}

function linkOf({ span, trace, attributes }: Attributes, ownTraceId: string): SpanLink {
  return {
    traceId: trace === undefined ? ownTraceId : String(trace).padStart(32, '0'),
    spanId: spanIdOf(String(span)),
    attributes: attributesOf(attributes),
  };
}

function listOf(value: AttributeValue | undefined): readonly Attributes[] {
  return isArray(value) ? value.map(attributesOf) : [];
}

function attributesOf(value: AttributeValue | undefined): Attributes {
  if (value === undefined) return {};
  if (value === null || typeof value !== 'object' || isArray(value) || value instanceof Uint8Array) {
    throw new TypeError('a drawn span has details that are no map');
  }
  return value;
}
