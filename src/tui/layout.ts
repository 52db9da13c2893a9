// Where things stand on a screen: a function of its size alone.
//
//     header                                       1 line
//     main   ── titles, then rows                  the rest
//     detail ── right of it, or below it           on demand
//     status                                       1 line
//     hints                                        1 line

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A part of the screen; its first line is a title. */
export interface Pane {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  /** `alone` where only one of the panes is there. */
  readonly arrangement: 'alone' | 'beside' | 'below';
  /** Undefined where the detail covers it. */
  readonly main: Pane | undefined;
  readonly detail: Pane | undefined;
}

/** The least size that is drawn. */
export const LEAST: Size = { columns: 60, rows: 12 };
/** From this width on the detail stands on the right. */
const WIDE = 140;
/** Below this height the detail covers what it belongs to. */
const LOW = 20;
/** Header, status, hints. */
const CHROME = 3;
/** Columns of the line between two panes and the blanks around it. */
export const DIVIDER = 3;

/** Returns where things stand; undefined where the screen is too small. */
export function layoutOf({ columns, rows }: Size, hasDetail: boolean): Layout | undefined {
  if (columns < LEAST.columns || rows < LEAST.rows) return undefined;
  const height = rows - CHROME;
  const whole = { width: columns, height };
  if (!hasDetail) return { arrangement: 'alone', main: whole, detail: undefined };
  if (rows < LOW) return { arrangement: 'alone', main: undefined, detail: whole };
  if (columns >= WIDE) {
    const width = Math.floor((columns - DIVIDER) / 2);
    return {
      arrangement: 'beside',
      main: { width, height },
      detail: { width: columns - DIVIDER - width, height },
    };
  }
  const below = Math.floor(height * 0.4);
  return {
    arrangement: 'below',
    main: { width: columns, height: height - below },
    detail: { width: columns, height: below },
  };
}
