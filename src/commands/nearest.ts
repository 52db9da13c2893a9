import { distance } from 'fastest-levenshtein';

/** Returns what a misspelt word was probably meant to be: at most two letters away. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map(name => ({ name, far: distance(name.toLowerCase(), word.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= 2 && best.far < best.name.length ? best.name : undefined;
}
