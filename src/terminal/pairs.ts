import { pad, widthOf } from './measure.ts';
import { type Line, styled } from './styled.ts';
import { wrapLine } from './wrap.ts';

/** Returns names and values side by side; a value that is longer than its line goes on below its beginning. */
export function layoutPairs(pairs: readonly (readonly [name: string, value: Line])[], width: number): Line[] {
  const names = pairs.map(([name]) => widthOf(name));
  const nameWidth = Math.min(Math.max(0, ...names), Math.floor(width * 0.4));
  return pairs.flatMap(([name, value]) =>
    wrapLine([styled(`${pad(name, nameWidth)}  `, 'dim'), ...value], width, nameWidth + 2),
  );
}
