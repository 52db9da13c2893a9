import type { Line, Style } from './styled.ts';

// Styles as escape sequences, or as nothing. Red is for errors alone, yellow for warnings; nothing is told by colour only.

export interface Theme {
  paint(line: Line): string;
}

const PLAIN: Theme = { paint: line => line.map(({ text }) => text).join('') };

/** Colours for services on terminals with 256: told apart on dark and light ground, none of them red. */
const PALETTE_256 = [39, 208, 35, 170, 44, 178, 99, 71, 32, 215, 135, 109, 149, 67, 180, 37];
const PALETTE_16 = [
  'blue',
  'green',
  'cyan',
  'magenta',
  'blueBright',
  'greenBright',
  'cyanBright',
  'magentaBright',
] as const;

/** Returns the theme for a level of colour: 0 none, 1 sixteen colours, 2 and 3 more. chalk is loaded only for colour. */
export async function createTheme(level: 0 | 1 | 2 | 3): Promise<Theme> {
  if (level === 0) return PLAIN;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level });
  const painter = (style: Style): ((text: string) => string) => {
    switch (style) {
      case 'error':
        return chalk.red;
      case 'warning':
        return chalk.yellow;
      case 'good':
        return chalk.green;
      case 'dim':
        return chalk.dim;
      case 'bold':
        return chalk.bold;
      case 'inverse':
        return chalk.inverse;
      default: {
        const hash = hashOf(style);
        return level >= 2
          ? chalk.ansi256(PALETTE_256[hash % PALETTE_256.length] ?? 39)
          : chalk[PALETTE_16[hash % PALETTE_16.length] ?? 'blue'];
      }
    }
  };
  return {
    paint: line =>
      line.map(({ text, styles = [] }) => styles.reduce((painted, style) => painter(style)(painted), text)).join(''),
  };
}

/** FNV-1a: a service keeps its colour in every trace and run. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
