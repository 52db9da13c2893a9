import { readFileSync } from 'node:fs';

/** Returns the program's version, from its package. */
export function programVersion(): string {
  // From src/config/ and from dist/ the package is not equally far.
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url);
  return String(JSON.parse(readFileSync(file, 'utf8')).version);
}
