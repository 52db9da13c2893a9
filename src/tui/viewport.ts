// A window of rows of one line each: scrolling is arithmetic.

/** Returns the first row to show, moved as little as possible from `top` so that rows `from` to `to` are seen. */
export function scrolledTo(top: number, from: number, to: number, height: number, count: number): number {
  let next = top;
  if (to >= next + height) next = to - height + 1;
  if (from < next) next = from;
  return clampedTop(next, height, count);
}

/** Returns the first row so that the window is full where there are rows enough. */
export function clampedTop(top: number, height: number, count: number): number {
  return Math.max(0, Math.min(top, count - height));
}

/** Returns an index within a list of `count`; -1 where it is empty. */
export function clampedIndex(index: number, count: number): number {
  return Math.min(count - 1, Math.max(0, index));
}

/** Returns the nearest place behind (or before) `from`, round the end of the list, for which `is` holds; -1 without one. */
export function searchAround(count: number, from: number, step: 1 | -1, is: (index: number) => boolean): number {
  for (let distance = 1; distance <= count; distance++) {
    const index = (((from + step * distance) % count) + count) % count;
    if (is(index)) return index;
  }
  return -1;
}
