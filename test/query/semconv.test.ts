import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import type { AttributeValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { buildTrace } from '../../src/model/trace.ts';
import { evaluateQuery } from '../../src/query/evaluate/evaluator.ts';
import { fieldsOfOneSpelling, metricsWithSpellings, spellingsOf, withSpellings } from '../../src/query/semconv.ts';
import { RENAMED_ATTRIBUTES } from '../../src/query/semconv-renames.ts';
import type { Node, Query } from '../../src/query/traceql/ast.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { printExpression, printQuery } from '../../src/query/traceql/printer.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { searchQueries, withoutPlaces } from './arbitrary-query.ts';

/** A query with all spellings of its attributes. */
function spelledOut(query: Query): Query {
  const { root } = query;
  return { ...query, root: root.kind === 'pipeline' ? withSpellings(root) : metricsWithSpellings(root) };
}

const written = (text: string) => printQuery(spelledOut(parseQuery(text)));

describe('names', () => {
  test.each<[name: string, spellings: string[]]>([
    ['http.method', ['http.method', 'http.request.method']],
    ['http.request.method', ['http.request.method', 'http.method']],
    ['db.mongodb.collection', ['db.mongodb.collection', 'db.collection.name']],
    [
      'db.collection.name',
      ['db.collection.name', 'db.cassandra.table', 'db.cosmosdb.container', 'db.mongodb.collection'],
    ],
    ['k8s.pod.labels.app.name', ['k8s.pod.labels.app.name', 'k8s.pod.label.app.name']],
    ['k8s.pod.labels', ['k8s.pod.labels']],
    [
      'rpc.request.metadata.x',
      ['rpc.request.metadata.x', 'rpc.connect_rpc.request.metadata.x', 'rpc.grpc.request.metadata.x'],
    ],
    ['http.target', ['http.target']],
    ['net.peer.name', ['net.peer.name']],
    ['my.own', ['my.own']],
  ])('of %s', (name, spellings) => {
    expect(spellingsOf(name)).toEqual(spellings);
  });

  test('the old one finds the new one, and the other way round', () => {
    for (const [old, now] of RENAMED_ATTRIBUTES) {
      expect(spellingsOf(old)).toContain(now);
      expect(spellingsOf(now)).toContain(old);
    }
  });
});

describeRealData('the registry of the semantic conventions', () => {
  test('has no rename that is not known', () => {
    const { renames }: { renames: readonly { old: string; new: string | null }[] } = JSON.parse(
      readFileSync(sharedData('semconv-renames.json'), 'utf8'),
    );
    const isTemplate = (name: string) => spellingsOf(`${name}.key`).length > 1;
    const unknown = renames.filter(
      ({ old, new: now }) => now !== null && !isTemplate(old) && !spellingsOf(old).includes(now),
    );
    // Metrics, and values of `gen_ai.provider.name`.
    expect(unknown.map(({ old }) => old)).toEqual([
      'metric.cpu.time',
      'metric.cpu.utilization',
      'metric.cpu.frequency',
      'az.ai.inference',
      'az.ai.openai',
    ]);
  });
});

describe('a query', () => {
  test.each<[query: string, written: string]>([
    ['{ span.my.own = 1 && name = "a" }', '{ span.my.own = 1 && name = "a" }'],
    [
      '{ span.http.method = "GET" }',
      '{ span.http.method = "GET" || (span.http.method = nil && span.http.request.method = "GET") }',
    ],
    ['{ .http.method != nil }', '{ .http.method != nil || .http.request.method != nil }'],
    ['{ .http.method = nil }', '{ .http.method = nil && .http.request.method = nil }'],
    ['{ .http.method = nil && name = "a" }', '{ .http.method = nil && .http.request.method = nil && name = "a" }'],
    [
      '{ !(.http.method =~ "P.*") }',
      '{ !(.http.method =~ "P.*" || (.http.method = nil && .http.request.method =~ "P.*")) }',
    ],
    ['{ !.db.name }', '{ !.db.name || (.db.name = nil && !.db.namespace) }'],
    [
      '{ event.db.name != "a" } >> { ancestor.db.name = "b" }',
      '{ event.db.name != "a" || event.db.namespace != "a" } >> { ancestor.db.name = "b" || ancestor.db.namespace = "b" }',
    ],
    [
      '{ (.http.status_code + 1) = nil }',
      '{ !(.http.status_code + 1 != nil || (.http.status_code = nil && .http.response.status_code + 1 != nil)) }',
    ],
    [
      '{ .db.name = .db.system }',
      '{ .db.name = .db.system || (.db.system = nil && .db.name = .db.system.name) || (.db.name = nil && .db.namespace = .db.system) || (.db.name = nil && .db.system = nil && .db.namespace = .db.system.name) }',
    ],
    ['{ } | select(.db.name, name)', '{ } | select(.db.name, .db.namespace, name)'],
    [
      '{ } | by(.db.name = "a") | avg(.http.status_code) > 1',
      '{ } | by(.db.name = "a" || (.db.name = nil && .db.namespace = "a")) | avg(.http.status_code) > 1',
    ],
    [
      '{ .db.name = "a" } | rate() by (.db.name)',
      '{ .db.name = "a" || (.db.name = nil && .db.namespace = "a") } | rate() by (.db.name)',
    ],
  ])('%s', (query, expected) => {
    expect(written(query)).toBe(expected);
    expect(printQuery(parseQuery(expected))).toBe(expected);
  });

  test('has fields that no condition is about, which keep their one name', () => {
    const fields = (query: string) => fieldsOfOneSpelling(parseQuery(query).root).map(printExpression);
    expect(fields('{ .http.method = "GET" } | by(!.db.name) | select(.db.system)')).toEqual([]);
    expect(fields('{ } | by(.http.method) | by(.http.method) | avg(-.http.status_code) > 1')).toEqual([
      '.http.method',
      '.http.status_code',
    ]);
    expect(fields('{ } | rate() by (span.db.name, name)')).toEqual(['span.db.name']);
  });

  test('that would be written out at too great a length is refused', () => {
    const sum = Array.from({ length: 9 }, (_, index) => `parent.span.${RENAMED_ATTRIBUTES[index]?.[0]}`).join(' + ');
    expect(() => written(`{ ${sum} > 1 }`)).toThrow('a comparison has too many attributes with other names');
  });
});

describe('means', () => {
  /** Keys of the arbitrary queries and traces as old names, with the new ones. */
  const OLD = new Map([
    ['http.route', 'http.method'],
    ['db.system', 'db.system'],
    ['peer', 'http.status_code'],
    ['k', 'db.name'],
  ]);
  const newName = (name: string) => {
    const old = OLD.get(name);
    return old === undefined ? name : (spellingsOf(old)[1] ?? old);
  };

  const traces = traceSpans({ maxSpans: 10, hasAttributes: true });
  const queries = searchQueries.filter(
    query => fieldsOfOneSpelling(renamed(query, name => OLD.get(name) ?? name)).length === 0,
  );

  function renamedSpan(span: Span, rename: (name: string, index: number) => string): Span {
    const ofAttributes = (attributes: Readonly<Record<string, AttributeValue>>, index: number) =>
      Object.fromEntries(Object.entries(attributes).map(([name, value]) => [rename(name, index), value]));
    return {
      ...span,
      attributes: ofAttributes(span.attributes, 0),
      resource: ofAttributes(span.resource, 1),
      scope: { ...span.scope, attributes: ofAttributes(span.scope.attributes, 2) },
      events: span.events.map(event => ({ ...event, attributes: ofAttributes(event.attributes, 3) })),
      links: span.links.map(link => ({ ...link, attributes: ofAttributes(link.attributes, 4) })),
    };
  }

  function found(query: Query, spans: readonly Span[]) {
    const trace = buildTrace(spans);
    return evaluateQuery(query, trace).map(spanset => spanset.spans.map(({ index }) => index));
  }

  /** Undefined where a comparison has more readings than are tried. */
  function notRefused<T>(spell: () => T): T | undefined {
    try {
      return spell();
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  test('by the new names what it means by the old ones, where a span has one of them', () => {
    fc.assert(
      fc.property(queries, traces, fc.infiniteStream(fc.boolean()), (query, spans, choices) => {
        const old = renamed(query, name => OLD.get(name) ?? name);
        const oldSpans = spans.map(span => renamedSpan(span, name => OLD.get(name) ?? name));
        // Each span has all its names old or all new.
        const mixed = spans.map(span => {
          const isNew: boolean = choices.next().value;
          return renamedSpan(span, name => (isNew ? newName(name) : (OLD.get(name) ?? name)));
        });
        const spelled = notRefused(() => [spelledOut(old), spelledOut(renamed(query, newName))]);
        fc.pre(spelled !== undefined);
        for (const either of spelled) expect(found(either, mixed)).toEqual(found(old, oldSpans));
      }),
      { numRuns: 300 },
    );
  });

  test('the first spelling where a span has several', () => {
    const spans = [
      { 'http.method': 'GET', 'http.request.method': 'POST' },
      { 'http.request.method': 'POST' },
      { 'http.method': 'GET' },
      {},
    ].map((attributes, index): Span => ({ ...FIRST, spanId: `${index}`.padStart(16, '1'), attributes }));
    const indexes = (query: string) => found(spelledOut(parseQuery(query)), spans).flat();
    expect(indexes('{ span.http.method = "GET" }')).toEqual([0, 2]);
    expect(indexes('{ span.http.method = "POST" }')).toEqual([1]);
    expect(indexes('{ span.http.request.method = "POST" }')).toEqual([0, 1]);
    expect(indexes('{ span.http.method != "GET" }')).toEqual([1]);
    expect(indexes('{ span.http.method != nil }')).toEqual([0, 1, 2]);
    expect(indexes('{ span.http.method = nil }')).toEqual([3]);
    expect(indexes('{ !(span.http.method = "GET") }')).toEqual([1, 3]);
  });

  test('a tree as the parser makes it', () => {
    fc.assert(
      fc.property(searchQueries, query => {
        const spelled = notRefused(() => spelledOut(renamed(query, name => OLD.get(name) ?? name)));
        fc.pre(spelled !== undefined);
        expect(withoutPlaces(parseQuery(printQuery(spelled)))).toEqual(withoutPlaces(spelled));
      }),
    );
  });
});

/** A node with other names of attributes. */
function renamed<T extends Node>(node: T, rename: (name: string) => string): T {
  const change = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(change);
    if (typeof value !== 'object' || value === null) return value;
    const copy = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, change(part)]));
    return 'kind' in value && value.kind === 'attribute' ? { ...copy, name: rename(String(copy.name)) } : copy;
  };
  return change(node) as T;
}

const FIRST: Span = {
  traceId: '1'.padStart(32, '0'),
  spanId: '1'.padStart(16, '0'),
  parentSpanId: undefined,
  name: 'a',
  kind: 'internal',
  serviceName: 'web',
  startTimeUnixNano: 0n,
  durationNano: 1n,
  status: { code: 'unset', message: '' },
  attributes: {},
  resource: {},
  scope: { name: '', version: '', attributes: {} },
  events: [],
  links: [],
  flags: 0,
  traceState: undefined,
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
  quirks: 0,
};
