/** Milliseconds of a clock that does not go back and that nothing sets: for waiting, never for what is shown. */
export function monotonicMs(): number {
  return performance.now();
}
