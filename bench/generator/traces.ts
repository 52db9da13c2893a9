// Ordinary traces: 5 to 200 spans, 20 in the mean, started by a request to the shop.

import { ENTRY_SERVICES, type Shop } from './model.ts';
import { answerTo, entryOperation, isCall, isStatement, nextOperation, type Operation } from './operations.ts';
import { instanceOf, type PlannedSpan, propagateFailures, SHORTEST_NANOS } from './plan.ts';
import type { Random } from './random.ts';
import type { Service } from './span.ts';

const FEWEST_SPANS = 5;
const MOST_SPANS = 200;
const MEAN_SPANS = 20;

const FAILING_TRACES = 0.06;
const FAILURES_IN_FAILING_TRACE = 0.15;
const FAILURES_ELSEWHERE = 0.004;

/** A new span goes under one of this many spans before it, so that traces are deep as well as wide. */
const PARENT_WINDOW = 6;

/** Returns the number of spans of the next trace, at most `limit`. */
export function drawTraceSize(random: Random, limit: number): number {
  const size = FEWEST_SPANS + Math.round(random.exponential(MEAN_SPANS - FEWEST_SPANS));
  return Math.min(size, MOST_SPANS, limit);
}

/** Plans a trace of `size` spans. Parents come before their children. */
export function planTrace(size: number, shop: Shop, random: Random): PlannedSpan[] {
  const failureRate = random.chance(FAILING_TRACES) ? FAILURES_IN_FAILING_TRACE : FAILURES_ELSEWHERE;
  const root: PlannedSpan = {
    operation: entryOperation(random),
    parent: undefined,
    resource: instanceOf(random.pick(ENTRY_SERVICES), undefined, shop, random),
    startNanos: 0,
    durationNanos: Math.round(2e6 + random.exponential(120e6)),
    failed: random.chance(failureRate),
  };
  const spans = [root];
  const answers = new Map<PlannedSpan, PlannedSpan>();
  while (spans.length < size) {
    const parent = findParent(spans, answers, random);
    const answer = answerTo(parent.operation, random);
    const span = planSpan(parent, answer, failureRate, shop, random);
    if (answer !== undefined) answers.set(parent, span);
    spans.push(span);
  }
  propagateFailures(spans, random);
  return spans;
}

/** Returns a late span that can have one more child: a call has a single answer, a statement has no children at all. */
function findParent(
  spans: readonly PlannedSpan[],
  answers: ReadonlyMap<PlannedSpan, PlannedSpan>,
  random: Random,
): PlannedSpan {
  let parent = spans[Math.max(0, spans.length - 1 - random.below(PARENT_WINDOW))]!;
  if (isStatement(parent.operation)) parent = parent.parent!;
  return answers.get(parent) ?? parent;
}

function planSpan(
  parent: PlannedSpan,
  answer: { readonly operation: Operation; readonly service: Service } | undefined,
  failureRate: number,
  shop: Shop,
  random: Random,
): PlannedSpan {
  const operation = answer?.operation ?? nextOperation(random);
  const service = answer?.service ?? parent.resource.service;
  return {
    operation,
    parent,
    resource: instanceOf(service, parent, shop, random),
    ...timesOf(operation, parent, random),
    failed: random.chance(failureRate),
  };
}

function timesOf(
  operation: Operation,
  parent: PlannedSpan,
  random: Random,
): Pick<PlannedSpan, 'startNanos' | 'durationNanos'> {
  if (operation.type === 'process') {
    // Messages are read after their publisher has moved on, often after the whole request was answered.
    return {
      startNanos: parent.startNanos + parent.durationNanos + Math.round(random.exponential(5e6)),
      durationNanos: SHORTEST_NANOS + Math.round(random.exponential(10e6)),
    };
  }
  // An answer fills its call but for the network; work inside a service begins anywhere in the first part of it.
  const isAnswer = isCall(parent.operation);
  const offset = Math.floor(parent.durationNanos * (isAnswer ? random.between(0.01, 0.1) : random.between(0, 0.6)));
  const share = isAnswer ? random.between(0.8, 0.98) : random.between(0.2, 0.95);
  return {
    startNanos: parent.startNanos + offset,
    durationNanos: Math.max(SHORTEST_NANOS, Math.floor((parent.durationNanos - offset) * share)),
  };
}
