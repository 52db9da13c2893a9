import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';

// What a command line runs, as far as its words tell.

/** The languages whose programs are told by the word that starts them. */
export type Language = 'node' | 'python' | 'java' | 'dotnet' | 'ruby' | 'php';

const STARTERS: Readonly<Record<Language, RegExp>> = {
  node: /^(node|nodejs|npm|npx|yarn|pnpm|tsx|ts-node|vitest|jest|mocha|next|nest)$/,
  python: /^(python|pypy)[\d.]*$|^(uvicorn|gunicorn|flask|pytest|celery|django-admin|uv|poetry|pipenv)$/,
  java: /^(java|javaw|mvn|mvnw|gradle|gradlew)$/,
  dotnet: /^dotnet$/,
  ruby: /^(ruby|rails|bundle|rake|rspec)$/,
  php: /^(php[\d.]*|composer|artisan)$/,
};

/** The language of the program that a command line starts; undefined where its first word does not tell. */
export function languageOf([command = '']: readonly string[]): Language | undefined {
  const name = programName(command);
  const languages = Object.entries(STARTERS) as [Language, RegExp][];
  return languages.find(([, pattern]) => pattern.test(name))?.[0];
}

/**
 * The name of the service that a command line starts: of its package for JavaScript, else of the script that is interpreted, else of
 * the program.
 */
export function serviceNameOf(words: readonly string[], folder: string): string {
  const [command = '', ...args] = words;
  const language = languageOf(words);
  if (language === 'node') {
    const name = packageName(folder);
    if (name !== undefined) return name;
  }
  const script = args.find(argument => !argument.startsWith('-'));
  const isScript =
    language !== undefined && script !== undefined && extname(script) !== '' && existsSync(resolve(folder, script));
  return programName(isScript ? script : command);
}

/** The last part of a path, without the ending that a system or a language wants. */
export function programName(path: string): string {
  return basename(path).replace(/\.(exe|cmd|bat|[cm]?[jt]sx?|py|rb|php|sh)$/i, '');
}

/** The name in the package.json of a folder, or of the nearest one above that has one. */
function packageName(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    try {
      const { name } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
      return typeof name === 'string' && name !== '' ? name : undefined;
    } catch {
      if (dirname(at) === at) return undefined;
    }
  }
}
