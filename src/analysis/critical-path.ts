import { isAsyncEdge } from '../model/assembly.ts';

// The chain of work that determined when the root ended (docs/definitions.md, "Critical path").
//
//     R  |------------------------------|       t runs from R's end to R's start. At each step the child that
//     A     |-------|                           ends last among those that have ended by t is taken; the piece
//     B             |---------|                 between its end and t is R's own; descend, and go on at the
//     path: R A A B B B R                       child's start.
//
// Works on columns in display order (a parent stands before its children), for one trace and for millions alike.
// O(n log n), without recursion.

/** What is taken at t: a child that has ended by then (`end`), or also one that still runs, cut at t (`overlap`). */
export type PathPolicy = 'end' | 'overlap';

export interface PathOptions {
  readonly policy: PathPolicy;
  /** Whether work that the parent does not wait for may be on the path. */
  readonly async: 'exclude' | 'include';
}

export const DEFAULT_PATH_OPTIONS: PathOptions = { policy: 'end', async: 'exclude' };

/** Spans of one trace; times are nanoseconds from any fixed point, exact below 2^53. */
export interface PathInput {
  readonly count: number;
  readonly start: Float64Array;
  readonly duration: Float64Array;
  /** 0 at the top of a component. */
  readonly depth: Uint32Array;
  readonly kind: Uint8Array;
  /** Two words a span, low first: ties go to the smaller id. */
  readonly spanId: Uint32Array;
  /** 1 where the span is a true root. */
  readonly isRoot: Uint8Array;
}

/** The path of one trace. Sections are in order of time, contiguous, and sum to the root's duration. */
export interface CriticalPath {
  /** The span whose end is explained: the true root that lasts longest, else the top that does; -1 without spans. */
  root: number;
  sectionCount: number;
  /** By section: the span, and the time it runs from and to. */
  readonly span: Int32Array;
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** By span: time on the path that is the span's own, and how much of it would shorten the trace (see `drag`). */
  readonly own: Float64Array;
  /**
   * By span: how much earlier the root would end if the span's own work on the path took no time, bounded by the sibling
   * that would take over, at every level.
   */
  readonly drag: Float64Array;
  /** Children that lie wholly outside their parent, and children that are not waited for: off the path. */
  outsideCount: number;
  asyncCount: number;
}

/** Finds critical paths, keeping its memory from trace to trace. */
export class CriticalPathFinder {
  readonly #options: PathOptions;
  #room = 0;
  #firstChild = new Int32Array(0);
  #nextSibling = new Int32Array(0);
  #lastChild = new Int32Array(0);
  #children = new Int32Array(0);
  // Frames: the span, its interval as clipped, where its children stand and which comes next, and its slack.
  #span = new Int32Array(0);
  #low = new Float64Array(0);
  #time = new Float64Array(0);
  #next = new Int32Array(0);
  #last = new Int32Array(0);
  #slack = new Float64Array(0);
  /** Another child ran when the one taken last was taken. */
  #hasRival = false;
  #path: CriticalPath = emptyPath(0);

  constructor(options: PathOptions = DEFAULT_PATH_OPTIONS) {
    this.#options = options;
  }

  /** Returns the path of a trace. The result is reused by the next call. */
  find(input: PathInput): CriticalPath {
    const { count } = input;
    if (count > this.#room) this.#makeRoom(count);
    const path = this.#path;
    path.sectionCount = path.outsideCount = path.asyncCount = 0;
    path.own.fill(0, 0, count);
    path.drag.fill(0, 0, count);
    path.root = rootOf(input);
    if (path.root < 0) return path;
    this.#link(input);
    this.#sweep(input, path);
    reverse(path);
    return path;
  }

  #makeRoom(count: number): void {
    const room = Math.max(64, count * 2);
    this.#room = room;
    this.#firstChild = new Int32Array(room);
    this.#nextSibling = new Int32Array(room);
    this.#lastChild = new Int32Array(room);
    this.#children = new Int32Array(room);
    this.#span = new Int32Array(room);
    this.#low = new Float64Array(room);
    this.#time = new Float64Array(room);
    this.#next = new Int32Array(room);
    this.#last = new Int32Array(room);
    this.#slack = new Float64Array(room);
    this.#path = emptyPath(room);
  }

  /** Builds child lists from depths. */
  #link(input: PathInput): void {
    const { count, depth } = input;
    this.#firstChild.fill(-1, 0, count);
    this.#nextSibling.fill(-1, 0, count);
    // The span at each depth above the one in hand; the child stack is free to hold it until the sweep.
    const above = this.#span;
    for (let span = 0; span < count; span++) {
      const level = depth[span]!;
      above[level] = span;
      if (level === 0) continue;
      const parent = above[level - 1]!;
      if (this.#firstChild[parent]! < 0) this.#firstChild[parent] = span;
      else this.#nextSibling[this.#lastChild[parent]!] = span;
      this.#lastChild[parent] = span;
    }
  }

  #sweep(input: PathInput, path: CriticalPath): void {
    const { start, duration } = input;
    const { root } = path;
    let frame = 0;
    let top = 0; // end of the child stack
    this.#enter(0, root, start[root]!, start[root]! + duration[root]!, Number.POSITIVE_INFINITY, top);
    top = this.#gather(input, path, 0, top);
    while (frame >= 0) {
      const span = this.#span[frame]!;
      const time = this.#time[frame]!;
      const low = this.#low[frame]!;
      const taken = this.#options.policy === 'end' ? this.#takeEnded(input, frame) : this.#takeRunning(input, frame);
      if (taken < 0) {
        addSection(path, span, low, time);
        path.drag[span] = Math.min(path.own[span]!, this.#slack[frame]!);
        top = this.#firstOf(frame);
        frame--;
        continue;
      }
      const end = Math.min(start[taken]! + duration[taken]!, time);
      const childLow = Math.max(start[taken]!, low);
      addSection(path, span, end, time);
      // The parent goes on where the child began; the child must not outlast what would take over.
      this.#time[frame] = childLow;
      const takeover = this.#hasRival ? end : this.#nextEnd(input, frame, end, childLow);
      const slack = Math.min(this.#slack[frame]!, end - takeover);
      frame++;
      this.#enter(frame, taken, childLow, end, slack, top);
      top = this.#gather(input, path, frame, top);
    }
  }

  #enter(frame: number, span: number, low: number, time: number, slack: number, top: number): void {
    this.#span[frame] = span;
    this.#low[frame] = low;
    this.#time[frame] = time;
    this.#slack[frame] = slack;
    this.#next[frame] = top;
    this.#last[frame] = top;
  }

  /** Where a frame's children began on the stack: the end of the frame before. */
  #firstOf(frame: number): number {
    return frame === 0 ? 0 : this.#last[frame - 1]!;
  }

  /** Puts the frame's eligible children on the stack, the one that ends last first. Returns the stack's new end. */
  #gather(input: PathInput, path: CriticalPath, frame: number, top: number): number {
    const { start, duration, kind } = input;
    const span = this.#span[frame]!;
    const low = this.#low[frame]!;
    const high = this.#time[frame]!;
    const parentStart = start[span]!;
    const parentEnd = parentStart + duration[span]!;
    let end = top;
    for (let child = this.#firstChild[span]!; child >= 0; child = this.#nextSibling[child]!) {
      const childStart = start[child]!;
      if (this.#options.async === 'exclude' && (childStart > parentEnd || isAsyncEdge(kind[span]!, kind[child]!))) {
        path.asyncCount++;
        continue;
      }
      const childEnd = childStart + duration[child]!;
      // The piece of the span that is looked at may be smaller than the span: it was clipped itself.
      if (childEnd < parentStart || childStart > parentEnd) path.outsideCount++;
      else if (Math.min(childEnd, high) > Math.max(childStart, low)) this.#children[end++] = child;
    }
    this.#sort(input, top, end, low, high);
    this.#next[frame] = top;
    this.#last[frame] = end;
    return end;
  }

  /** Sorts children, clipped to `low` and `high`, by end, latest first; ties to the longer, then to the smaller id. */
  #sort(input: PathInput, from: number, to: number, low: number, high: number): void {
    const { start, duration, spanId } = input;
    const compare = (a: number, b: number): number => {
      const endA = Math.min(start[a]! + duration[a]!, high);
      const endB = Math.min(start[b]! + duration[b]!, high);
      if (endA !== endB) return endB - endA;
      return Math.max(start[a]!, low) - Math.max(start[b]!, low) || compareIds(spanId, a, b);
    };
    const children = this.#children;
    if (to - from > 32) {
      children.subarray(from, to).sort(compare);
      return;
    }
    for (let at = from + 1; at < to; at++) {
      const child = children[at]!;
      let place = at - 1;
      for (; place >= from && compare(children[place]!, child) > 0; place--) children[place + 1] = children[place]!;
      children[place + 1] = child;
    }
  }

  /** Takes the child that ends last among those that have ended by the frame's time; -1 where there is none. */
  #takeEnded(input: PathInput, frame: number): number {
    const { start, duration } = input;
    const time = this.#time[frame]!;
    const low = this.#low[frame]!;
    const last = this.#last[frame]!;
    const isFirst = this.#next[frame] === this.#firstOf(frame);
    for (let at = this.#next[frame]!; at < last; at++) {
      const child = this.#children[at]!;
      const end = start[child]! + duration[child]!;
      // Before anything is taken, the frame's time is its clipped end, at which its children are clipped too.
      if ((end <= time || isFirst) && Math.min(end, time) > Math.max(start[child]!, low)) {
        this.#next[frame] = at + 1;
        return child;
      }
      if (time <= low) break;
    }
    this.#next[frame] = last;
    return -1;
  }

  /** Takes the child that still runs at the frame's time and began first, else the one that ended last before it. */
  #takeRunning(input: PathInput, frame: number): number {
    const { start, duration, spanId } = input;
    const time = this.#time[frame]!;
    const low = this.#low[frame]!;
    const last = this.#last[frame]!;
    this.#hasRival = false;
    if (time <= low) return -1;
    let best = -1;
    let at = this.#next[frame]!;
    for (; at < last; at++) {
      const child = this.#children[at]!;
      if (start[child]! >= time) continue;
      const end = start[child]! + duration[child]!;
      if (end < time) {
        if (best < 0 && end > Math.max(start[child]!, low)) {
          best = child;
          at++;
        }
        break;
      }
      // All that run are cut at `time`: the longest is the one that began first.
      this.#hasRival = best >= 0;
      const longer = best < 0 ? -1 : Math.max(start[child]!, low) - Math.max(start[best]!, low);
      if (longer < 0 || (longer === 0 && compareIds(spanId, child, best) < 0)) best = child;
    }
    this.#next[frame] = at;
    return best;
  }

  /** When the sibling that would take over ends, were the child taken last gone: between the child's start and its end. */
  #nextEnd(input: PathInput, frame: number, end: number, childLow: number): number {
    const { start, duration } = input;
    const child = this.#next[frame]!;
    if (child >= this.#last[frame]!) return childLow;
    const other = this.#children[child]!;
    return Math.max(childLow, Math.min(start[other]! + duration[other]!, end));
  }
}

function emptyPath(room: number): CriticalPath {
  return {
    root: -1,
    sectionCount: 0,
    // Each span that is entered adds one piece of its own and splits one of its parent's.
    span: new Int32Array(room * 2 + 1),
    from: new Float64Array(room * 2 + 1),
    to: new Float64Array(room * 2 + 1),
    own: new Float64Array(room),
    drag: new Float64Array(room),
    outsideCount: 0,
    asyncCount: 0,
  };
}

/** The true root that lasts longest; without one, the top of a component that does. */
function rootOf({ count, depth, duration, isRoot }: PathInput): number {
  let root = -1;
  for (let span = 0; span < count; span++) {
    if (depth[span] !== 0) continue;
    // True roots stand before the other tops.
    if (root < 0 || (isRoot[span] === isRoot[root] && duration[span]! > duration[root]!)) root = span;
  }
  return root;
}

/** Compares the ids of two spans, then the spans themselves. */
function compareIds(spanId: Uint32Array, a: number, b: number): number {
  return spanId[a * 2 + 1]! - spanId[b * 2 + 1]! || spanId[a * 2]! - spanId[b * 2]! || a - b;
}

function addSection(path: CriticalPath, span: number, from: number, to: number): void {
  if (to <= from) return;
  const at = path.sectionCount++;
  path.span[at] = span;
  path.from[at] = from;
  path.to[at] = to;
  path.own[span] = path.own[span]! + (to - from);
}

/** The sweep runs backwards in time. */
function reverse(path: CriticalPath): void {
  const { sectionCount } = path;
  path.span.subarray(0, sectionCount).reverse();
  path.from.subarray(0, sectionCount).reverse();
  path.to.subarray(0, sectionCount).reverse();
}
