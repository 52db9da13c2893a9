import { widthOf } from './measure.ts';

// Text with styles, before it is decided whether there is colour: layout counts columns, not escape sequences.

/**
 * `error` red · `warning` yellow · `dim` context · `bold` the thing asked for · `inverse` where a person is ·
 * `service:NAME` the colour of a service.
 */
export type Style = 'error' | 'warning' | 'good' | 'dim' | 'bold' | 'inverse' | `service:${string}`;

export interface Segment {
  readonly text: string;
  readonly styles?: readonly Style[];
}

/** One line. */
export type Line = readonly Segment[];

/** Returns a segment. */
export function styled(text: string, ...styles: readonly Style[]): Segment {
  return styles.length === 0 ? { text } : { text, styles };
}

/** Returns the columns that a line takes. */
export function lineWidth(line: Line): number {
  return line.reduce((width, segment) => width + widthOf(segment.text), 0);
}
