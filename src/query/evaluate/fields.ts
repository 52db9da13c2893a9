import { CARRIED_FIELDS } from '../../model/carried-fields.ts';
import type { Span, SpanEvent, SpanLink } from '../../model/span.ts';
import type { Trace, TraceNode } from '../../model/trace.ts';
import type { Attribute, Field, Intrinsic } from '../traceql/ast.ts';
import { nestedSetLeft, nestedSetRight } from './tree.ts';
import { attributeOf, compareTexts, kindValue, type PresentValue, statusValue, type Value } from './values.ts';

// What a query can ask of a span. A field of the span or of its parent has one value; one of events, links or ancestors
// has as many as there are of these.

/** Reads the one value of a span. */
export type ReadOne = (node: TraceNode, trace: Trace) => Value;

/** Says whether a test passes for some value of a span; none is nil, and tests stop at the first that passes. */
export type ReadSome = (node: TraceNode, trace: Trace, test: (value: PresentValue) => boolean) => boolean;

export type Reader =
  | { readonly isMany: false; readonly read: ReadOne }
  | { readonly isMany: true; readonly some: ReadSome };

/** Compiles a field. Values come from the first event or link (by time, by id), or from the nearest ancestor, on. */
export function compileField(field: Field): Reader {
  const own = field.kind === 'attribute' ? attributeReader(field) : intrinsicReader(field);
  switch (field.holder) {
    case 'self':
      return own;
    case 'parent':
      return ofParent(own);
    case 'ancestor':
      return ofAncestors(own);
  }
}

function one(read: ReadOne): Reader {
  return { isMany: false, read };
}

/** A reader as one of many values. */
export function someOf(reader: Reader): ReadSome {
  if (reader.isMany) return reader.some;
  return (node, trace, test) => {
    const value = reader.read(node, trace);
    return value !== undefined && test(value);
  };
}

function ofParent(own: Reader): Reader {
  if (!own.isMany) {
    return one((node, trace) => (node.parent === undefined ? undefined : own.read(node.parent, trace)));
  }
  const some: ReadSome = (node, trace, test) => node.parent !== undefined && own.some(node.parent, trace, test);
  return { isMany: true, some };
}

function ofAncestors(own: Reader): Reader {
  const someOwn = someOf(own);
  const some: ReadSome = (node, trace, test) => {
    for (let above = node.parent; above !== undefined; above = above.parent) {
      if (someOwn(above, trace, test)) return true;
    }
    return false;
  };
  return { isMany: true, some };
}

/** An attribute of the span, or a field that is stored as one. */
function spanAttribute(span: Span, name: string): Value {
  switch (name) {
    case CARRIED_FIELDS.traceState:
      return span.traceState;
    case CARRIED_FIELDS.droppedAttributesCount:
      return countValue(span.droppedAttributesCount);
    case CARRIED_FIELDS.droppedEventsCount:
      return countValue(span.droppedEventsCount);
    case CARRIED_FIELDS.droppedLinksCount:
      return countValue(span.droppedLinksCount);
    default:
      return attributeOf(span.attributes, name);
  }
}

/** None is not stored. */
function countValue(count: number): Value {
  return count === 0 ? undefined : BigInt(count);
}

function attributeReader({ scope, name }: Attribute): Reader {
  switch (scope) {
    case 'span':
      return one(({ span }) => spanAttribute(span, name));
    case 'resource':
      return one(({ span }) => resourceAttribute(span, name));
    case 'any':
      return one(({ span }) => spanAttribute(span, name) ?? resourceAttribute(span, name));
    case 'instrumentation':
      return one(({ span }) => attributeOf(span.scope.attributes, name));
    case 'event':
      return ofEvents(event => attributeOf(event.attributes, name));
    case 'link':
      return ofLinks(link => attributeOf(link.attributes, name));
  }
}

/** Every span has a service, also where its resource does not name it. */
function resourceAttribute(span: Span, name: string): Value {
  return name === 'service.name' ? span.serviceName : attributeOf(span.resource, name);
}

function intrinsicReader({ name }: Intrinsic): Reader {
  switch (name) {
    case 'name':
      return one(({ span }) => span.name);
    case 'status':
      return one(({ span }) => statusValue(span.status.code));
    case 'statusMessage':
      return one(({ span }) => span.status.message);
    case 'kind':
      return one(({ span }) => kindValue(span.kind));
    case 'duration':
      return one(({ span }) => span.durationNano);
    case 'span:id':
      return one(({ span }) => span.spanId);
    case 'span:parentID':
      return one(({ span }) => span.parentSpanId);
    case 'span:childCount':
      return one(({ children }) => BigInt(children.length));
    case 'span:startTime':
      return one(({ span }) => span.startTimeUnixNano);
    case 'trace:id':
      return one((_node, trace) => trace.traceId);
    case 'trace:duration':
      return one((_node, trace) => trace.durationNano);
    case 'trace:rootName':
      return one((_node, { root }) => root?.span.name);
    case 'trace:rootService':
      return one((_node, { root }) => root?.span.serviceName);
    case 'event:name':
      return ofEvents(event => event.name);
    case 'event:timeSinceStart':
      return ofEvents((event, span) => event.timeUnixNano - span.startTimeUnixNano);
    case 'link:traceID':
      return ofLinks(link => link.traceId);
    case 'link:spanID':
      return ofLinks(link => link.spanId);
    case 'instrumentation:name':
      return one(({ span }) => span.scope.name || undefined);
    case 'instrumentation:version':
      return one(({ span }) => span.scope.version || undefined);
    case 'nestedSetLeft':
      return one(node => BigInt(nestedSetLeft(node)));
    case 'nestedSetRight':
      return one((node, trace) => BigInt(nestedSetRight(node, trace)));
    case 'nestedSetParent':
      return one(({ parent }) => (parent === undefined ? -1n : BigInt(nestedSetLeft(parent))));
    case 'parent':
      // The parent as a whole has no value; whether there is one is asked in expressions.ts.
      return one(() => undefined);
  }
}

function ofEvents(read: (event: SpanEvent, span: Span) => Value): Reader {
  const some: ReadSome = ({ span }, _trace, test) =>
    inOrder(span.events, compareEvents).some(event => {
      const value = read(event, span);
      return value !== undefined && test(value);
    });
  return { isMany: true, some };
}

function ofLinks(read: (link: SpanLink) => Value): Reader {
  const some: ReadSome = ({ span }, _trace, test) =>
    inOrder(span.links, compareLinks).some(link => {
      const value = read(link);
      return value !== undefined && test(value);
    });
  return { isMany: true, some };
}

/** Most often the items are in order already. */
function inOrder<T>(items: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  for (const [index, item] of items.entries()) {
    const next = items[index + 1];
    if (next !== undefined && compare(item, next) > 0) return items.toSorted(compare);
  }
  return items;
}

function compareEvents(a: SpanEvent, b: SpanEvent): number {
  if (a.timeUnixNano !== b.timeUnixNano) return a.timeUnixNano < b.timeUnixNano ? -1 : 1;
  return compareTexts(a.name, b.name);
}

function compareLinks(a: SpanLink, b: SpanLink): number {
  return compareTexts(a.traceId, b.traceId) || compareTexts(a.spanId, b.spanId);
}
