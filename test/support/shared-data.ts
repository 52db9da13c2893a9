import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

// Real dumps, beside the checkout and not in it. A checkout without them passes; `.ci/run` fails without them.

const FOLDER = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

export const hasSharedData = existsSync(FOLDER);

/** Path of a real dump. */
export function sharedData(path: string): string {
  return `${FOLDER}${path}`;
}

/** `describe` for tests on real dumps. */
export const describeRealData = describe.runIf(hasSharedData);
