import type { Span } from '../../src/model/span.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import type { AssembledSpan } from './assembled.ts';

// Trace assembly and self time as docs/definitions.md words them, without regard to speed: what the product's assembly
// is held to by properties. Zipkin's shared ids are not here; they have drawn traces.

interface Member {
  readonly span: Span;
  start: bigint;
  parent: Member | undefined;
  parentage: AssembledSpan['parentage'];
  readonly children: Member[];
}

/** Returns the spans of one trace in display order, with all that assembly says of them. */
export function assembleByDefinition(spans: readonly Span[]): AssembledSpan[] {
  const members = linked(withStarts(spans));
  const tops = (['root', 'orphan', 'cut'] as const).flatMap(kind => members.filter(it => it.parentage === kind));
  const reached = new Set(tops.flatMap(subtree));
  for (const member of members) {
    if (reached.has(member)) continue;
    const top = earliestOfCycle(member, members);
    top.parent!.children.splice(top.parent!.children.indexOf(top), 1);
    top.parent = undefined;
    top.parentage = 'cut';
    tops.push(top);
    for (const below of subtree(top)) reached.add(below);
  }
  const assembled: AssembledSpan[] = [];
  let number = 1;
  const visit = (member: Member, component: number, depth: number): void => {
    const left = number++;
    const at = assembled.length;
    const { spanId } = member.span;
    assembled.push({
      spanId,
      start: member.start,
      parentage: member.parentage,
      component,
      left,
      right: 0,
      depth,
      self: selfTime(member),
    });
    for (const child of member.children) visit(child, component, depth + 1);
    assembled[at] = { ...assembled[at]!, right: number++ };
  };
  for (const [component, top] of tops.entries()) visit(top, component, 0);
  return assembled;
}

/** A span without a start has that of its nearest ancestor with one, else the trace's earliest. */
function withStarts(spans: readonly Span[]): Member[] {
  const isKnown = ({ span }: Member) => (span.quirks & Quirk.startUnknown) === 0;
  const members = linked(
    spans.map(span => newMember(span, (span.quirks & Quirk.startUnknown) === 0 ? span.startTimeUnixNano : 0n)),
  );
  const [earliest = 0n] = members
    .filter(isKnown)
    .map(({ start }) => start)
    .sort(compare);
  return members.map(member => {
    const seen = new Set<Member>();
    let source: Member | undefined = member;
    while (source !== undefined && !isKnown(source) && !seen.has(source)) {
      seen.add(source);
      source = source.parent;
    }
    return newMember(member.span, source !== undefined && isKnown(source) ? source.start : earliest);
  });
}

function newMember(span: Span, start: bigint): Member {
  return { span, start, parent: undefined, parentage: 'root', children: [] };
}

/** Sorts spans by start and id, and gives each its parent: the first span of the id that it names. */
function linked(members: readonly Member[]): Member[] {
  const sorted = members.toSorted(
    (a, b) =>
      compare(a.start, b.start) ||
      compare(a.span.spanId, b.span.spanId) ||
      compare(a.span.durationNano, b.span.durationNano) ||
      compare(a.span.parentSpanId ?? '', b.span.parentSpanId ?? ''),
  );
  for (const member of sorted) {
    const { parentSpanId } = member.span;
    if (parentSpanId === undefined) continue;
    const parent = sorted.find(other => other.span.spanId === parentSpanId);
    if (parent === undefined) member.parentage = 'orphan';
    else if (parent === member) member.parentage = 'cut';
    else {
      member.parent = parent;
      member.parentage = 'child';
      parent.children.push(member);
    }
  }
  return sorted;
}

function subtree(member: Member): Member[] {
  return [member, ...member.children.flatMap(subtree)];
}

function earliestOfCycle(member: Member, sorted: readonly Member[]): Member {
  const seen: Member[] = [];
  let at = member;
  for (; !seen.includes(at); at = at.parent!) seen.push(at);
  const cycle = seen.slice(seen.indexOf(at));
  return sorted.find(it => cycle.includes(it))!;
}

/** What remains of the span when every piece between two of its own and its children's times is asked who covers it. */
function selfTime({ span, start, children }: Member): bigint {
  const end = start + span.durationNano;
  const waitedFor = children.filter(
    child => child.start <= end && !(span.kind === 'producer' && child.span.kind === 'consumer'),
  );
  const times = [start, end, ...waitedFor.flatMap(child => [child.start, child.start + child.span.durationNano])]
    .filter(time => time >= start && time <= end)
    .sort(compare);
  let self = 0n;
  for (let at = 1; at < times.length; at++) {
    const [from, to] = [times[at - 1]!, times[at]!];
    const isCovered = waitedFor.some(child => child.start <= from && child.start + child.span.durationNano >= to);
    if (!isCovered) self += to - from;
  }
  return self;
}

function compare<Value extends string | bigint>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
