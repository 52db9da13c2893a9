import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/commands/index.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { answer, REPOSITORY, runShell, tailspan } from '../support/run.ts';
import { EXAMPLE, FIXTURES, PAGE, refusal } from './shop.ts';

const TOPICS = ['query', 'formats', 'sql', 'exit-codes', 'environment'];
const commandNames = COMMANDS.map(({ name }) => name);

async function help(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await tailspan(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

describe('help', () => {
  test.each([[[]], [['--help']], [['-h']], [['help']]])('%j lists every command and every topic', async args => {
    const text = await help(...args);
    for (const { name, summary } of COMMANDS) {
      expect(text).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
      expect(text).toContain(summary);
    }
    for (const topic of TOPICS) expect(text).toMatch(new RegExp(`^  ${topic} +\\S`, 'm'));
  });

  test.each(commandNames)('%s --help names every option with its description and choices', async name => {
    const text = (await help(name, '--help')).replace(/\s+/g, ' ');
    const command = await COMMANDS.find(entry => entry.name === name)?.load();
    for (const option of command?.options ?? []) {
      expect(text).toContain(option.flags);
      expect(text).toContain(option.description);
      for (const choice of option.choices ?? []) expect(text).toContain(choice);
    }
    expect(text).toContain('Examples:');
    expect(text).toContain('Exit codes:');
  });

  test.each(commandNames)('%s --help says of exit code 1 what the command has', async name => {
    const text = await help(name, '--help');
    expect(/1 nothing matched/.test(text)).toBe(text.includes('-e, --exit-status'));
  });

  test.each([...commandNames.map(name => [name, '--help']), ...TOPICS.map(topic => ['help', topic]), ['--help']])(
    '%s %s is ASCII in 80 columns',
    async (...args) => {
      const text = await help(...args);
      expect(text.split('\n').filter(line => line.length > 80)).toEqual([]);
      expect(text).toMatch(/^[\n -~]*$/);
    },
  );

  test.each(commandNames.filter(name => !TOPICS.includes(name)))('help %s is %s --help', async name => {
    expect(await help('help', name)).toBe(await help(name, '--help'));
  });

  test('an alias has the help of its command', async () => {
    expect(await help('cp', '--help')).toBe(await help('critical-path', '--help'));
    expect(await help('help', 'cp')).toContain('tailspan cp ...');
  });

  test('help sql describes the views, and says where the options are', async () => {
    const text = await help('help', 'sql');
    for (const view of ['spans', 'traces', 'span_attributes', 'span_events', 'span_links', 'services', 'ingests']) {
      expect(text).toMatch(new RegExp(`^  ${view}: `, 'm'));
    }
    expect(text).toContain('tailspan sql --help');
  });

  test('help about something unknown suggests what is near', async () => {
    expect(await refusal(['help', 'fromats'])).toMatchObject({
      error: "there is no help about 'fromats'",
      hint: 'did you mean formats?',
    });
    expect((await refusal(['help', 'cooking'])).hint).toBe('tailspan --help lists commands and topics');
  });
});

describe('version', () => {
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));

  test.each(['--version', '-V'])('%s is one line', async flag => {
    expect(await help(flag)).toBe(`${version}\n`);
  });

  test('--version --verbose has what a bug report needs', async () => {
    const { stdout } = await tailspan(['--version', '--verbose'], { env: { TAILSPAN_DB: '/data/kept.duckdb' } });
    expect(stdout).toMatch(
      new RegExp(
        `^tailspan ${version}\nnode     ${process.versions.node}\nduckdb   v1\\.\\d+\\.\\d+\nplatform \\S+ \\S+\ndatabase /data/kept.duckdb\n$`,
      ),
    );
  });
});

describe('a command that does not exist', () => {
  test.each([
    ['sumary', 'did you mean summary?'],
    ['SHOW', 'did you mean show?'],
    ['critical_path', 'did you mean critical-path?'],
    ['frobnicate', 'tailspan --help lists the commands'],
  ])('%s: %s', async (word, hint) => {
    expect(await refusal([word])).toMatchObject({ error: `unknown command '${word}'`, hint });
  });

  test('a file in place of a command is offered to summary', async () => {
    expect((await refusal([EXAMPLE])).hint).toBe(`what is in it: tailspan summary ${EXAMPLE}`);
  });

  test.each([
    [['--versoin'], 'did you mean --version?'],
    [['--frobnicate'], 'tailspan --help lists the commands'],
    [['--json', 'summary', 'x'], 'the command comes first: tailspan summary --json'],
  ])('%j: an option without a command', async (args, hint) => {
    expect(await refusal(args)).toMatchObject({ error: `unknown option '${args[0]}'`, hint });
  });
});

describe('an option that does not exist', () => {
  test.each([
    ['search', '--statsu', '--status'],
    ['show', '--spam', '--span'],
    ['sql', '--wirte', '--write'],
    ['load', '--stict', '--strict'],
  ])('%s %s: did you mean %s?', async (command, option, meant) => {
    const { error, hint } = await refusal([command, option]);
    expect(error).toBe(`unknown option '${option}'; did you mean ${meant}?`);
    expect(hint).toBe(`tailspan ${command} --help explains the options`);
  });

  test.each(commandNames)('%s refuses one that is like none', async name => {
    expect((await refusal([name, '--frobnicate'])).error).toBe("unknown option '--frobnicate'");
  });

  test('an option without its argument is named', async () => {
    expect((await refusal(['search', '--service'])).error).toBe("option '--service <name>' argument missing");
  });
});

describe('the examples in help', () => {
  /**
   * Commands that the examples use and that a test can do without; a listener that waits for nobody, on free ports, as does tail; and
   * in place of the screen, which nobody sits at, search with the same arguments.
   */
  const standIns = `
    eval "program() $(declare -f tailspan | tail -n +2)"
    tailspan() {
      if [ "$1" = tui ]; then shift; program search "$@"
      elif [ "$1" != listen ] && [ "$1" != tail ]; then program "$@"
      else
        program "$@" --for 100ms --port-http 0 --port-grpc 0 --port-zipkin 0 --port-jaeger-http 0 \
          --port-jaeger-compact 0 --port-jaeger-binary 0
      fi
    }
    kubectl() { cat traces.jsonl; }
    zcat() { cat traces.jsonl; }
    PATH="$PWD/bin:$PATH"
    command -v jq >/dev/null || jq() { cat >/dev/null; }
  `;

  /** Everything that the examples name: the bundled example, in which a trace and a span have the ids of the help. */
  async function kitchen(): Promise<string> {
    const folder = temporaryFolder();
    const path = (name: string) => join(folder, name);
    const bundled = readFileSync(EXAMPLE, 'utf8')
      .replaceAll('2d82b21542c91b01e21826b8509090aa', '4bf92f3577b34da6a3ce929d0e0e4736')
      .replaceAll('ff20e4eb9fb5191b', '00f067aa0ba902b7');
    writeFileSync(path('traces.jsonl'), bundled);
    copyFileSync(join(FIXTURES, 'jaeger-json/single-trace.json'), path('trace.json'));
    writeFileSync(path('report.sql'), 'SELECT count(*) FROM spans');
    mkdirSync(path('dumps'));
    copyFileSync(path('traces.jsonl'), path('dumps/traces.jsonl'));
    await answer(['load', path('traces.jsonl'), '--db', path('incident.duckdb')]);
    // Programs that run starts: each sends a span.
    const program = `#!/usr/bin/env node\nfetch(process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: ${JSON.stringify(otlpJson(PAGE))} });`;
    mkdirSync(path('bin'));
    for (const name of ['bin/npm', 'bin/make', 'smoke.sh', 'app.js'])
      writeFileSync(path(name), program, { mode: 0o755 });
    const register = path('node_modules/@opentelemetry/auto-instrumentations-node/register.js');
    mkdirSync(dirname(register), { recursive: true });
    writeFileSync(register, '');
    mkdirSync(path('tailspan'));
    copyFileSync(path('incident.duckdb'), path('tailspan/traces.duckdb'));
    return folder;
  }

  test.each(COMMANDS)('of $name run as they stand', { timeout: 60_000 }, async ({ load }) => {
    const { examples } = await load();
    expect(examples.length).toBeGreaterThanOrEqual(2);
    expect(examples.length).toBeLessThanOrEqual(4);
    const folder = await kitchen();
    for (const [line] of examples) {
      const { exitCode, stderr } = await runShell(`cd '${folder}'\n${standIns}\nset -o pipefail\n${line}`, {
        XDG_DATA_HOME: folder,
        SOURCE_DATE_EPOCH: String(Date.parse('2026-11-02T09:30:00Z') / 1000),
      });
      expect({ line, exitCode, errors: stderr.match(/error: .*/g) }).toEqual({ line, exitCode: 0, errors: null });
    }
  });
});
