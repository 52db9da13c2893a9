import { distance } from 'fastest-levenshtein';

// Words that were probably meant by another one.

/** Keys that are named. */
const MOST_KEYS = 3;
/** Words longer than this are not compared letter by letter. */
const LONGEST = 100;
const SEPARATORS = /[\s._/-]+/;
/** Fewer letters are found in nearly every word. */
const SHORTEST_PART = 3;

/**
 * Returns the places of the texts that were probably meant by another one, the likeliest first: what is the same but for case and
 * separators, what differs in no more than a third of the letters, and only where there is nothing of that kind what is the same
 * without some parts of the name, or is part of the other.
 */
export function mostAlike(wanted: string, known: readonly string[]): readonly number[] {
  const ranked = known
    .map((text, index) => ({ index, far: closeness(wanted, text), length: text.length }))
    .filter(({ far }) => far < NOT_ALIKE)
    .sort((a, b) => a.far - b.far || a.length - b.length || a.index - b.index);
  const isByLetters = (ranked[0]?.far ?? NOT_ALIKE) < LEFT_OUT;
  return ranked.filter(({ far }) => !isByLetters || far < LEFT_OUT).map(({ index }) => index);
}

/** `closeness` of what is spelled otherwise than by letters. */
const LEFT_OUT = 100;
const CONTAINED = 200;
const NOT_ALIKE = 1000;

/** How far a text is from another one: the less, the more alike; `NOT_ALIKE` where they are not. */
function closeness(wanted: string, known: string): number {
  const [a, b] = [bare(wanted), bare(known)];
  if (a === b) return 0;
  const far = Math.max(a.length, b.length) > LONGEST ? NOT_ALIKE : areSwapped(a, b) ? 1 : distance(a, b);
  if (far <= Math.max(1, Math.floor(Math.max(a.length, b.length) / 3)) && far < Math.min(a.length, b.length))
    return far;
  if (leavesOutParts(a, known) || leavesOutParts(b, wanted)) return LEFT_OUT;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= SHORTEST_PART && long.includes(short) ? CONTAINED : NOT_ALIKE;
}

/** Says whether two neighbouring letters have changed places: no error is more frequent, and it counts as two otherwise. */
function areSwapped(a: string, b: string): boolean {
  const at = [...a].findIndex((letter, index) => letter !== b[index]);
  return (
    at >= 0 &&
    b ===
      a.slice(0, at) +
        a
          .slice(at, at + 2)
          .split('')
          .reverse()
          .join('') +
        a.slice(at + 2)
  );
}

/** Says whether bare text is a name without some of its parts, as `http.status_code` is `http.response.status_code`. */
function leavesOutParts(text: string, name: string): boolean {
  let rest = text;
  for (const part of name.toLowerCase().split(SEPARATORS)) if (rest.startsWith(part)) rest = rest.slice(part.length);
  return rest === '' && text.length >= SHORTEST_PART;
}

/** A text without what is easily mistaken in it. */
function bare(text: string): string {
  const letters = text.toLowerCase().split(SEPARATORS).join('');
  return letters === '' ? text : letters;
}

/** The keys that were probably meant by one, the likeliest first: what it was or is called too, then what is spelled like it. */
export function alikeKeys(wanted: string, known: readonly string[], otherNames: readonly string[]): readonly string[] {
  const renamed = otherNames.filter(name => known.includes(name));
  return [...new Set([...renamed, ...mostAlike(wanted, known).flatMap(index => known[index] ?? [])])].slice(
    0,
    MOST_KEYS,
  );
}
