// One trace of any size, for screens and answers about a single trace: tens of levels deep, with fan-outs and with runs of
// alike siblings, such as the 48 times `SELECT products` under its root.

import { SERVICES, type Shop } from './model.ts';
import { answerTo, isCall, isStatement, nextOperation, type Operation, sqlOperation } from './operations.ts';
import { instanceOf, type PlannedSpan, propagateFailures, SHORTEST_NANOS } from './plan.ts';
import type { Random } from './random.ts';
import type { Service } from './span.ts';

const NANOS_PER_SPAN = 600_000;
const SHORTEST_TRACE_NANOS = 500e6;
const FAILURES = 0.002;

const ROOT_RUN_LENGTH = 48;
const RUN_SHARE = 0.3;
const RUN_LENGTHS = [5, 6, 8, 12, 12, 20, 24, 48];

/** From here on nothing is nested deeper; what is left of a subtree becomes siblings. */
const DEEPEST = 60;

/** Siblings that share a slot run at the same time. */
const WIDEST_FAN_OUT = 5;
const FAN_OUT_SHARE = 0.25;

/** What happens under one parent: runs of alike leaves and branches, and when. */
type Group =
  | { readonly type: 'run'; readonly operation: Operation; readonly spans: number }
  | { readonly type: 'branch'; readonly spans: number };
type Slot = readonly Group[];

/** Plans a trace of exactly `size` spans. Parents come before their children. */
export function planOneTrace(size: number, shop: Shop, random: Random): PlannedSpan[] {
  const planner = new OneTracePlanner(shop, random);
  planner.plan(size);
  propagateFailures(planner.spans, random);
  return planner.spans;
}

class OneTracePlanner {
  readonly spans: PlannedSpan[] = [];
  readonly #shop: Shop;
  readonly #random: Random;

  constructor(shop: Shop, random: Random) {
    this.#shop = shop;
    this.#random = random;
  }

  plan(size: number): void {
    const duration = Math.max(SHORTEST_TRACE_NANOS, size * NANOS_PER_SPAN);
    const operation: Operation = { type: 'http-server', method: 'GET', route: '/product/{productId}' };
    const frontend = SERVICES.find(service => service.name === 'frontend')!;
    const root = this.#add(operation, frontend, undefined, 0, duration);
    const slots: Slot[] = [];
    let left = size - 1;
    if (left >= ROOT_RUN_LENGTH) {
      const select = sqlOperation('SELECT', 'products', this.#random);
      slots.push([{ type: 'run', operation: select, spans: ROOT_RUN_LENGTH }]);
      left -= ROOT_RUN_LENGTH;
    }
    this.#fill(root, [...slots, ...this.#slotsOf(left, 0)], 0);
  }

  /** Divides a number of spans among the slots of one parent. */
  #slotsOf(spans: number, depth: number): Slot[] {
    const random = this.#random;
    const slots: Group[][] = [];
    let left = spans;
    while (left > 0) {
      const group = this.#nextGroup(left, depth);
      const latest = slots.at(-1);
      const joins = random.chance(FAN_OUT_SHARE) && latest !== undefined && latest.length < WIDEST_FAN_OUT;
      if (joins) latest.push(group);
      else slots.push([group]);
      left -= group.spans;
    }
    return slots;
  }

  #nextGroup(left: number, depth: number): Group {
    const random = this.#random;
    if (depth >= DEEPEST) return { type: 'branch', spans: 1 };
    if (left >= 5 && random.chance(RUN_SHARE)) {
      const operation = this.#leafOperation();
      return { type: 'run', operation, spans: Math.min(left, random.pick(RUN_LENGTHS)) };
    }
    // Most branches are small, but one in four takes most of what is left: that is what makes traces deep.
    const share = random.chance(0.25) ? random.between(0.5, 0.95) : random.between(0, 0.12);
    return { type: 'branch', spans: 1 + Math.floor((left - 1) * share) };
  }

  /** Lays the slots of a parent one after the other into its time. */
  #fill(parent: PlannedSpan, slots: readonly Slot[], depth: number): void {
    const random = this.#random;
    const weights = slots.map(slot => Math.max(...slot.map(group => group.spans)) ** 0.75 * random.between(0.5, 1.5));
    // The parent keeps the rest of its time for itself.
    const nanosPerWeight =
      (parent.durationNanos * random.between(0.75, 0.97)) / weights.reduce((sum, weight) => sum + weight, 0);
    let start = parent.startNanos + Math.floor(parent.durationNanos * random.between(0.002, 0.02));
    slots.forEach((slot, index) => {
      const duration = Math.floor(weights[index]! * nanosPerWeight);
      for (const group of slot) {
        if (group.type === 'run') this.#addRun(group.operation, group.spans, parent, start, duration);
        else this.#addBranch(group.spans, parent, start, Math.floor(duration * random.between(0.7, 1)), depth);
      }
      start += duration;
    });
  }

  /** Adds alike leaves one after the other, as a loop makes them. */
  #addRun(operation: Operation, count: number, parent: PlannedSpan, start: number, duration: number): void {
    const pitch = Math.floor(duration / count);
    for (let index = 0; index < count; index++) {
      const length = Math.floor(pitch * this.#random.between(0.6, 0.95));
      this.#add(operation, parent.resource.service, parent, start + index * pitch, length);
    }
  }

  #addBranch(spans: number, parent: PlannedSpan, start: number, duration: number, depth: number): void {
    const operation = spans === 1 ? this.#leafOperation() : this.#innerOperation();
    const span = this.#add(operation, parent.resource.service, parent, start, duration);
    const answer = spans === 1 ? undefined : answerTo(operation, this.#random);
    if (answer === undefined) {
      this.#fill(span, this.#slotsOf(spans - 1, depth + 1), depth + 1);
      return;
    }
    const network = Math.floor(duration * this.#random.between(0.01, 0.05));
    const isMessage = answer.operation.type === 'process';
    const answerStart = isMessage ? start + duration + network : start + network;
    const answerDuration = isMessage ? duration : duration - 2 * network;
    const answering = this.#add(answer.operation, answer.service, span, answerStart, answerDuration);
    this.#fill(answering, this.#slotsOf(spans - 2, depth + 2), depth + 2);
  }

  #leafOperation(): Operation {
    return this.#operationWhere(operation => !isCall(operation));
  }

  #innerOperation(): Operation {
    return this.#operationWhere(operation => !isStatement(operation));
  }

  #operationWhere(accepts: (operation: Operation) => boolean): Operation {
    for (;;) {
      const operation = nextOperation(this.#random);
      if (accepts(operation)) return operation;
    }
  }

  #add(
    operation: Operation,
    service: Service,
    parent: PlannedSpan | undefined,
    startNanos: number,
    durationNanos: number,
  ): PlannedSpan {
    const span: PlannedSpan = {
      operation,
      parent,
      resource: instanceOf(service, parent, this.#shop, this.#random),
      startNanos,
      durationNanos: Math.max(SHORTEST_NANOS, durationNanos),
      failed: this.#random.chance(FAILURES),
    };
    this.spans.push(span);
    return span;
  }
}
