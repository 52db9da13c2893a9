// The intervals that series have values for: [t, t + step), where t is a multiple of the step since the epoch.

export interface TimeGrid {
  /** Unix nanoseconds of the beginning of the first interval. */
  readonly startUnixNano: bigint;
  readonly stepNano: bigint;
  /** At least one. */
  readonly count: number;
}

/** Returns the intervals that hold both times, and all between them. */
export function timeGrid(first: bigint, last: bigint, stepNano: bigint): TimeGrid {
  const startUnixNano = first - modulo(first, stepNano);
  return { startUnixNano, stepNano, count: Number((last - startUnixNano) / stepNano) + 1 };
}

/** The beginning of an interval, in Unix nanoseconds; that of the one behind the last is the end of the grid. */
export function timeOfInterval({ startUnixNano, stepNano }: TimeGrid, interval: number): bigint {
  return startUnixNano + BigInt(interval) * stepNano;
}

/** The interval that holds a time; undefined where none does. */
export function findInterval({ startUnixNano, stepNano, count }: TimeGrid, time: bigint): number | undefined {
  if (time < startUnixNano) return undefined;
  const interval = Number((time - startUnixNano) / stepNano);
  return interval < count ? interval : undefined;
}

/** Of a negative time too the beginning is before it. */
function modulo(time: bigint, step: bigint): bigint {
  return ((time % step) + step) % step;
}

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;
const STEPS: readonly bigint[] = [
  ...[1n, 2n, 5n, 10n, 15n, 30n].map(seconds => seconds * SECOND),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map(minutes => minutes * 60n * SECOND),
  ...[1n, 2n, 3n, 6n, 12n].map(hours => hours * 3600n * SECOND),
];

/** Returns the shortest round step with which so many intervals cover both times: from 1 s on, above 12 h whole days. */
export function roundStep(first: bigint, last: bigint, mostIntervals: number): bigint {
  const covers = (step: bigint) => timeGrid(first, last, step).count <= mostIntervals;
  const known = STEPS.find(covers);
  if (known !== undefined) return known;
  for (let unit = DAY; ; unit *= 10n) {
    const step = [unit, unit * 2n, unit * 5n].find(covers);
    if (step !== undefined) return step;
  }
}
