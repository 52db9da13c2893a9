import { sanitize } from './sanitize.ts';
import type { Screen } from './screen.ts';
import { type Line, styled } from './styled.ts';
import { createTheme } from './theme.ts';
import { wrapLine } from './wrap.ts';

/**
 * Says something on stderr: `error: …`, `hint: …` or a plain sentence. Further lines of the text stand under the first
 * one's beginning; on a terminal lines are broken at spaces.
 */
export async function tell(screen: Screen, kind: 'error' | 'hint' | undefined, text: string): Promise<void> {
  const lead = kind === undefined ? '' : `${kind}: `;
  const indent = kind === undefined ? 2 : lead.length;
  const styles = kind === 'error' ? (['error', 'bold'] as const) : (['dim'] as const);
  const lines = text.split('\n').flatMap((line, index): Line[] => {
    const clean = styled(sanitize(line, screen.unicode));
    const whole: Line = index === 0 ? [styled(lead, ...styles), clean] : [styled(' '.repeat(indent)), clean];
    return screen.isTalking ? wrapLine(whole, screen.width, indent) : [whole];
  });
  const theme = await createTheme(screen.errorColour);
  await screen.stderr.write(lines.map(line => `${theme.paint(line)}\n`).join(''));
}
