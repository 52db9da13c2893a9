// Every character that is drawn rather than written, for terminals with Unicode and without. Each pair has one width.

/** The branches of a tree, a level each. */
export interface TreeGlyphs {
  readonly branch: string;
  readonly lastBranch: string;
  readonly trunk: string;
  readonly gap: string;
}

export interface Glyphs extends TreeGlyphs {
  /** The same with a column less, for narrow screens. */
  readonly narrow: TreeGlyphs;
  readonly error: string;
  readonly onPath: string;
  /** Before the row of a list that is selected. */
  readonly selected: string;
  readonly event: string;
  readonly ellipsis: string;
  readonly dot: string;
  readonly times: string;
  readonly arrow: string;
  /** Order of a column: the smallest first, the largest first. */
  readonly ascending: string;
  readonly descending: string;
  readonly axis: string;
  /** A bar's full cell on the critical path, and off it. */
  readonly solid: string;
  readonly light: string;
  /** Cells filled from the left by 1/8, 2/8 … 8/8. */
  readonly eighths: readonly string[];
  /** Cells filled from the right: a half, an eighth. */
  readonly rightHalf: string;
  readonly rightEighth: string;
  /** Heights of a sparkline, lowest first. */
  readonly spark: readonly string[];
  /** Shades of a heat map, lightest first. */
  readonly shades: readonly string[];
}

const UNICODE: Glyphs = {
  branch: '├─ ',
  lastBranch: '└─ ',
  trunk: '│  ',
  gap: '   ',
  narrow: { branch: '├ ', lastBranch: '└ ', trunk: '│ ', gap: '  ' },
  error: '✖',
  onPath: '●',
  selected: '▸',
  event: '◆',
  ellipsis: '…',
  dot: '·',
  times: '×',
  arrow: '→',
  ascending: '↑',
  descending: '↓',
  axis: '│',
  solid: '█',
  light: '░',
  eighths: ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
  rightHalf: '▐',
  rightEighth: '▕',
  spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  shades: ['░', '▒', '▓', '█'],
};

const ASCII: Glyphs = {
  branch: '|- ',
  lastBranch: '`- ',
  trunk: '|  ',
  gap: '   ',
  narrow: { branch: '|-', lastBranch: '`-', trunk: '| ', gap: '  ' },
  error: 'x',
  onPath: '*',
  selected: '>',
  event: 'o',
  ellipsis: '~',
  dot: '-',
  times: 'x',
  arrow: '>',
  ascending: '^',
  descending: 'v',
  axis: '|',
  solid: '#',
  light: '-',
  eighths: ['.', '.', ':', ':', '=', '=', '#', '#'],
  rightHalf: ':',
  rightEighth: '.',
  spark: ['.', ':', '-', '=', '+', '*', '%', '#'],
  shades: ['.', ':', '*', '#'],
};

/** Returns the characters for a terminal. */
export function glyphs(unicode: boolean): Glyphs {
  return unicode ? UNICODE : ASCII;
}

/** Returns a sparkline: one character a value, the largest highest; a space where there is nothing. */
export function sparkline(values: readonly number[], { spark }: Glyphs): string {
  const most = Math.max(...values, 0);
  if (most === 0) return ' '.repeat(values.length);
  return values
    .map(value => {
      if (value <= 0) return ' ';
      const height = Math.min(spark.length - 1, Math.floor((value / most) * spark.length));
      return spark[height] ?? '';
    })
    .join('');
}
