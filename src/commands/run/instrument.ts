import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { shellWord } from '../shell.ts';
import { type Language, languageOf } from './program.ts';

// Traces of programs that have no tracing in them: Node.js loads OpenTelemetry's instrumentations before the program.

const PACKAGE = '@opentelemetry/auto-instrumentations-node';

/** What does for other languages what we do for Node.js. */
const ELSEWHERE: Readonly<Record<Exclude<Language, 'node'>, (line: string) => string>> = {
  python: line => `tailspan run -- opentelemetry-instrument ${line}`,
  java: () => 'set JAVA_TOOL_OPTIONS=-javaagent:opentelemetry-javaagent.jar',
  dotnet: () => 'start it through instrument.sh of opentelemetry-dotnet-instrumentation',
  ruby: () => 'add the gem opentelemetry-instrumentation-all',
  php: () => 'add the extension opentelemetry',
};

/** What the program is on. The other detectors of the package ask the networks of clouds whether they are there. */
const DETECTORS = 'env,host,os,process,serviceinstance';

/**
 * Returns the variables by which Node.js programs, the one that is run and those that it starts, load OpenTelemetry's instrumentations.
 * Throws `UserError` where they are not installed, or the program is one of another language.
 */
export function instrumentation(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const language = languageOf(words);
  if (language !== undefined && language !== 'node') {
    throw new UserError(`--instrument is for Node.js, and ${words[0]} runs something else`, {
      hint: ELSEWHERE[language](words.map(shellWord).join(' ')),
    });
  }
  // In full, for the program may be started in another folder.
  const path = register();
  const word = /[\s"\\]/.test(path) ? `"${path.replace(/["\\]/g, '\\$&')}"` : path;
  const options = [env.NODE_OPTIONS ?? '', `--require ${word}`].filter(part => part !== '');
  return {
    NODE_OPTIONS: options.join(' '),
    OTEL_NODE_RESOURCE_DETECTORS: env.OTEL_NODE_RESOURCE_DETECTORS ?? DETECTORS,
  };
}

function register(): string {
  try {
    return createRequire(join(resolve('.'), 'package.json')).resolve(`${PACKAGE}/register`);
  } catch (error) {
    throw new UserError(`${PACKAGE} is not installed here`, {
      hint: `npm install --save-dev @opentelemetry/api ${PACKAGE}`,
      cause: error,
    });
  }
}
