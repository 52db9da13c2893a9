import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// The committed dumps: what each is and must give is in fixtures/README.md.

const FOLDER = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Path of a fixture. */
export function fixturePath(name: string): string {
  return `${FOLDER}${name}`;
}

/** Returns a fixture's bytes; `name` is its path below `fixtures/`. */
export function fixture(name: string): Buffer {
  return readFileSync(fixturePath(name));
}

/** Returns the names of the fixtures in a folder below `fixtures/`, in order. */
export function fixturesIn(folder: string): string[] {
  return readdirSync(fixturePath(folder))
    .sort()
    .map(file => `${folder}/${file}`);
}

/** Returns the folders of fixtures, in order. */
export function fixtureFolders(): string[] {
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
