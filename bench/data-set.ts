import { readFileSync } from 'node:fs';

// What bench/generate.ts says of the files it made.

/** Returns how many spans each file of a data set holds. Throws where PREFIX.about.json is missing or does not say it. */
export function spansOf(prefix: string): number {
  const about: unknown = JSON.parse(readFileSync(`${prefix}.about.json`, 'utf8'));
  if (typeof about === 'object' && about !== null && 'spans' in about && typeof about.spans === 'number') {
    return about.spans;
  }
  throw new Error(`${prefix}.about.json does not say how many spans there are`);
}
