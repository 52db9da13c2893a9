import { formatBytes } from './format.ts';
import { sanitize } from './sanitize.ts';
import type { Screen } from './screen.ts';

// One line on stderr while reading takes long; gone before anything else is said.

const FIRST_AFTER_MS = 250;

export interface Progress {
  /** Shows how far the work is; cheap enough to be called for every chunk. `total` is not known of a pipe. */
  update(label: string, doneBytes: number, totalBytes: number | undefined, detail: string): void;
  /** Takes the line away. */
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

/** Returns a progress line, or one that shows nothing where nobody watches. */
export function createProgress(screen: Screen, isWanted: boolean): Progress {
  if (!isWanted || !screen.isTalking) return SILENT;
  const begun = performance.now();
  let bar: { update(value: number, payload: object): void; stop(): void } | undefined;
  let isLoading = false;
  let isStopped = false;
  return {
    update(label, doneBytes, totalBytes, detail) {
      if (isStopped || performance.now() - begun < FIRST_AFTER_MS) return;
      if (bar !== undefined) {
        bar.update(0, { text: progressText(label, doneBytes, totalBytes, detail, screen.unicode) });
        return;
      }
      if (isLoading) return;
      isLoading = true;
      import('cli-progress').then(({ default: cliProgress }) => {
        if (isStopped) return;
        const text = progressText(label, doneBytes, totalBytes, detail, screen.unicode);
        const single = new cliProgress.SingleBar({
          format: '{text}',
          clearOnComplete: true,
          hideCursor: true,
          fps: 10,
          stream: process.stderr,
        });
        single.start(1, 0, { text });
        bar = single;
        // Also where a signal ends the process: the cursor is hidden.
        process.once('exit', () => single.stop());
      });
    },
    stop() {
      isStopped = true;
      bar?.stop();
    },
  };
}

/** `reading checkout.json.gz  38%  81,204 spans`; of a pipe how much came: `reading stdin  12.4 MB  81,204 spans`. */
export function progressText(
  label: string,
  doneBytes: number,
  totalBytes: number | undefined,
  detail: string,
  unicode = true,
): string {
  const share = totalBytes === undefined || totalBytes === 0 ? undefined : Math.min(1, doneBytes / totalBytes);
  const far = share === undefined ? formatBytes(doneBytes) : `${Math.floor(share * 100)}%`;
  return `reading ${sanitize(label, unicode)}  ${far}  ${detail}`;
}
