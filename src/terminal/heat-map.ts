import type { Glyphs } from './glyphs.ts';

/** Returns a line of a heat map: a shade a value, the darkest for `most`; a space is none, and whatever is there can be seen. */
export function heatLine(values: readonly number[], most: number, { shades }: Glyphs): string {
  return values
    .map(value => {
      if (!(value > 0)) return ' ';
      const shade = Math.min(shades.length - 1, Math.ceil((value / most) * shades.length) - 1);
      return shades[Math.max(0, shade)] ?? '';
    })
    .join('');
}
