import type { Screen } from './screen.ts';

// One line on stderr while reading takes long; gone before anything else is said.

const FIRST_AFTER_MS = 250;

export interface Progress {
  /** Shows how far the work is; cheap enough to be called for every chunk. */
  update(label: string, done: number, total: number | undefined, detail: string): void;
  /** Takes the line away. */
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

/** Returns a progress line, or one that shows nothing where nobody watches. */
export function createProgress(screen: Screen, isWanted: boolean): Progress {
  if (!isWanted || !screen.isTalking) return SILENT;
  const begun = performance.now();
  let bar: { update(value: number, payload: object): void; setTotal(total: number): void; stop(): void } | undefined;
  let isLoading = false;
  let isStopped = false;
  return {
    update(label, done, total, detail) {
      if (isStopped || performance.now() - begun < FIRST_AFTER_MS) return;
      if (bar === undefined) {
        if (isLoading) return;
        isLoading = true;
        import('cli-progress').then(({ default: cliProgress }) => {
          if (isStopped) return;
          const single = new cliProgress.SingleBar({
            format: 'reading  {label}  {percentage}%  {detail}',
            clearOnComplete: true,
            hideCursor: true,
            fps: 10,
            stream: process.stderr,
          });
          single.start(total ?? 1, 0, { label, detail });
          bar = single;
        });
        return;
      }
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, { label, detail });
    },
    stop() {
      isStopped = true;
      bar?.stop();
    },
  };
}
