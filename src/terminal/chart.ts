import type { Glyphs } from './glyphs.ts';

// Numbers over time on one line.

/**
 * Returns a character a value, the highest for the largest. Where there is no value (NaN) it is a space, and so it is for 0 where none is
 * below; with negative values the lowest character is the smallest value.
 */
export function chartLine(values: readonly number[], { spark }: Glyphs): string {
  const finite = values.filter(Number.isFinite);
  const least = Math.min(0, ...finite);
  const most = Math.max(0, ...finite);
  return values
    .map(value => {
      if (Number.isNaN(value) || (value === 0 && least === 0)) return ' ';
      const share = most === least ? 1 : (value - least) / (most - least);
      const height = Math.max(0, Math.min(spark.length - 1, Math.floor(share * spark.length)));
      return spark[height] ?? '';
    })
    .join('');
}

/** Returns the first and the last of some texts at the ends of a line of a width; another text where they do not fit. */
export function chartAxis(first: string, last: string, width: number, otherwise: string): string {
  const gap = width - first.length - last.length;
  return gap < 1 ? otherwise : `${first}${' '.repeat(gap)}${last}`;
}
