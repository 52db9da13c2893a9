/** Lets one wait for news that another has. News that come while nobody waits are not lost. */
export class Wake {
  #isCalled = false;
  #resolve: (() => void) | undefined;

  call(): void {
    this.#isCalled = true;
    this.#resolve?.();
  }

  /** Resolves at the next call, after so many milliseconds at the latest, and when the signal is given. */
  async wait(longestMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#isCalled && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, longestMs);
      const onAbort = () => resolve();
      signal.addEventListener('abort', onAbort);
      this.#resolve = resolve;
      await promise;
      this.#resolve = undefined;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
    this.#isCalled = false;
  }
}
