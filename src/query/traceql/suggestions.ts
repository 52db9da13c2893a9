import { distance } from 'fastest-levenshtein';

/**
 * Returns the known word that a misspelt one was probably meant to be: nearer than a third of its letters and two of
 * them in a short word. Case does not count. Undefined where none is near, or the word is very long.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 60) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const name of known) {
    const far = distance(name.toLowerCase(), word.toLowerCase());
    if (far < least && far < name.length) [best, least] = [name, far];
  }
  return best;
}
